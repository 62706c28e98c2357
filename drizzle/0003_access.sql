CREATE TABLE "feishu_api_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"role" text NOT NULL,
	"scopes" text NOT NULL,
	"name" text NOT NULL,
	"secret_hash" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "feishu_api_tokens_role" CHECK (role in ('admin', 'user'))
);
--> statement-breakpoint
CREATE TABLE "feishu_audit" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"fields" text NOT NULL,
	"error" text
);
--> statement-breakpoint
CREATE TABLE "feishu_key_check" (
	"id" integer PRIMARY KEY NOT NULL,
	"sealed" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "encrypt_key" text;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "verification_token" text;--> statement-breakpoint
ALTER TABLE "feishu_bots" ADD COLUMN "owner" text DEFAULT 'admin' NOT NULL;