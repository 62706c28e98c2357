ALTER TABLE "feishu_bots" ADD COLUMN "encrypt_key" text;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "verification_token" text;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "owner" text DEFAULT 'admin' NOT NULL;