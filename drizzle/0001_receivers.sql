ALTER TABLE "feishu_outbox" ALTER COLUMN "message_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "receiver_type" text;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "receiver_id" text;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "refused_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "created_at" timestamp with time zone DEFAULT now() NOT NULL;