ALTER TABLE "feishu_inbox" ADD COLUMN "deaths" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_inbox" ADD COLUMN "last_death_of" text;--> statement-breakpoint
ALTER TABLE "feishu_instances" ADD COLUMN "draining_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "feishu_inbox_last_death" ON "feishu_inbox" USING btree ("last_death_of") WHERE last_death_of is not null;