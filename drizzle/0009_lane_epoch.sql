-- Without the name of a schema: it lives where the tables do.
CREATE SEQUENCE "feishu_lane_epoch" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
ALTER TABLE "feishu_inbox" ADD COLUMN "epoch" bigint;--> statement-breakpoint
ALTER TABLE "feishu_lanes" ADD COLUMN "epoch" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "epoch" bigint;