ALTER TABLE "feishu_inbox" RENAME COLUMN "dead_reason" TO "reason";--> statement-breakpoint
ALTER TABLE "feishu_outbox" RENAME COLUMN "dead_reason" TO "reason";--> statement-breakpoint
ALTER TABLE "feishu_inbox" ADD COLUMN "resubmitted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "feishu_lanes" ADD COLUMN "resubmitted" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "died_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "feishu_inbox_completed" ON "feishu_inbox" USING btree ("finished_at") WHERE state = 'completed';