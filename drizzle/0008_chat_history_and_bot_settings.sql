ALTER TABLE "feishu_bots" ADD COLUMN "limits" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "policy" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "open_id" text;--> statement-breakpoint
CREATE INDEX "feishu_inbox_chat" ON "feishu_inbox" USING btree ("bot_id","lane","id") WHERE type = 'im.message.receive_v1';