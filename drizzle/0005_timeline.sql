ALTER TABLE "feishu_inbox" ADD COLUMN "arrived_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "feishu_inbox" ADD COLUMN "acked_at" timestamp with time zone;