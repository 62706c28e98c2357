CREATE TABLE "feishu_bots" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"app_id" text NOT NULL,
	"app_secret" text NOT NULL,
	"domain" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"use_websocket" boolean DEFAULT false NOT NULL,
	"ws_connection_state" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "feishu_bots_app_id_unique" UNIQUE("app_id")
);
--> statement-breakpoint
CREATE TABLE "feishu_inbox" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"bot_id" text NOT NULL,
	"lane" text NOT NULL,
	"dedupe_key" text NOT NULL,
	"event_id" text NOT NULL,
	"type" text NOT NULL,
	"payload" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"state" text DEFAULT 'available' NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"owner" text,
	"available_at" timestamp with time zone DEFAULT now() NOT NULL,
	"claimed_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"dead_reason" text,
	"last_error" jsonb,
	CONSTRAINT "feishu_inbox_state" CHECK (state in ('available', 'executing', 'completed', 'dead'))
);
--> statement-breakpoint
CREATE TABLE "feishu_instances" (
	"id" text PRIMARY KEY NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "feishu_lanes" (
	"bot_id" text NOT NULL,
	"lane" text NOT NULL,
	"pending" integer DEFAULT 0 NOT NULL,
	"unsent" integer DEFAULT 0 NOT NULL,
	"ready_at" timestamp with time zone,
	"owner" text,
	"claim_token" uuid,
	CONSTRAINT "feishu_lanes_bot_id_lane_pk" PRIMARY KEY("bot_id","lane")
);
--> statement-breakpoint
CREATE TABLE "feishu_outbox" (
	"inbox_id" bigint NOT NULL,
	"part" integer NOT NULL,
	"bot_id" text NOT NULL,
	"lane" text NOT NULL,
	"message_id" text NOT NULL,
	"uuid" text NOT NULL,
	"msg_type" text NOT NULL,
	"content" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempt" integer DEFAULT 1 NOT NULL,
	"sent_message_id" text,
	"sent_at" timestamp with time zone,
	"dead_reason" text,
	"last_error" jsonb,
	"log_id" text,
	CONSTRAINT "feishu_outbox_inbox_id_part_pk" PRIMARY KEY("inbox_id","part"),
	CONSTRAINT "feishu_outbox_state" CHECK (state in ('pending', 'sent', 'dead'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX "feishu_inbox_dedupe" ON "feishu_inbox" USING btree ("bot_id","dedupe_key");--> statement-breakpoint
CREATE INDEX "feishu_inbox_open" ON "feishu_inbox" USING btree ("bot_id","lane","id") WHERE state in ('available', 'executing');--> statement-breakpoint
CREATE INDEX "feishu_inbox_dead" ON "feishu_inbox" USING btree ("id") WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX "feishu_lanes_waiting" ON "feishu_lanes" USING btree ("bot_id","ready_at","lane") WHERE owner is null and ready_at is not null;--> statement-breakpoint
CREATE INDEX "feishu_lanes_owned" ON "feishu_lanes" USING btree ("owner","bot_id","lane") WHERE owner is not null;--> statement-breakpoint
CREATE INDEX "feishu_outbox_pending" ON "feishu_outbox" USING btree ("bot_id","lane","inbox_id","part") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "feishu_outbox_dead" ON "feishu_outbox" USING btree ("inbox_id","part") WHERE state = 'dead';