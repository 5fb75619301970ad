-- The first schema. It is written for PostgreSQL; dialect.go says what SQLite
-- reads instead of BIGINT and BYTEA, and makes its tables STRICT, and WITHOUT
-- ROWID where it says "clustered": one tree to write instead of two. Rows of
-- such a table are small.
--
-- Every row of a customer's world has its tenant in its key. Times are UTC
-- milliseconds, 0 for none. Booleans are 0 and 1. A NULL in personal, name or
-- title means forgotten; what stands there is sealed and never plain.

CREATE TABLE tenants (
	id           TEXT PRIMARY KEY NOT NULL,
	name         TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	changes      BIGINT NOT NULL, -- the last seq of its feed
	audit        BIGINT NOT NULL  -- the last line of its audit trail
);

-- Numbers that count for the whole store: "job" is the last job-id.
CREATE TABLE counters (
	name  TEXT PRIMARY KEY NOT NULL,
	value BIGINT NOT NULL
) /* clustered */;

-- Where the ledger of a node stands. A restored node begins a new epoch.
CREATE TABLE epochs (
	node_key TEXT PRIMARY KEY NOT NULL,
	epoch    BIGINT NOT NULL,
	seq      BIGINT NOT NULL
) /* clustered */;

CREATE TABLE users (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	login      TEXT NOT NULL,
	full_name  TEXT NOT NULL,
	email      TEXT NOT NULL,
	upn        TEXT NOT NULL,
	department TEXT NOT NULL,
	language   TEXT NOT NULL,
	enabled    BIGINT NOT NULL,
	source     TEXT NOT NULL,
	rights     TEXT NOT NULL,
	password   TEXT NOT NULL, -- argon2id, PHC string
	pin        TEXT NOT NULL, -- the same
	pin_digest BYTEA,         -- keyed digest, for look-up
	created_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX users_login ON users (tenant, login);
CREATE INDEX users_email ON users (tenant, email) WHERE email <> '';
CREATE INDEX users_upn ON users (tenant, upn) WHERE upn <> '';
CREATE INDEX users_pin ON users (tenant, pin_digest) WHERE pin_digest IS NOT NULL;

CREATE TABLE aliases (
	tenant  TEXT NOT NULL,
	alias   TEXT NOT NULL,
	user_id TEXT NOT NULL,
	PRIMARY KEY (tenant, alias, user_id),
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
) /* clustered */;
CREATE INDEX aliases_user ON aliases (tenant, user_id);

CREATE TABLE cards (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	digest     BYTEA NOT NULL, -- keyed digest of the normal form
	raw        BYTEA,          -- keyed digest of what the reader sent
	last       TEXT NOT NULL,
	label      TEXT NOT NULL,
	blocked    BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, id),
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX cards_digest ON cards (tenant, digest);
CREATE INDEX cards_user ON cards (tenant, user_id);

CREATE TABLE queues (
	tenant        TEXT NOT NULL,
	id            TEXT NOT NULL,
	name          TEXT NOT NULL,
	fold          TEXT NOT NULL, -- the form in which names are compared
	info          TEXT NOT NULL,
	mode          TEXT NOT NULL,
	device        TEXT NOT NULL,
	allow         TEXT NOT NULL,
	priority      BIGINT NOT NULL,
	encoding      TEXT NOT NULL,
	hold_for      BIGINT NOT NULL,
	keep_for      BIGINT NOT NULL,
	confidential  BIGINT NOT NULL,
	accept_jobs   BIGINT NOT NULL,
	allow_remove  BIGINT NOT NULL,
	owner_pattern TEXT NOT NULL,
	max_octets    BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX queues_name ON queues (tenant, fold);

CREATE TABLE devices (
	tenant       TEXT NOT NULL,
	id           TEXT NOT NULL,
	name         TEXT NOT NULL,
	fold         TEXT NOT NULL,
	serial       TEXT NOT NULL,
	model        TEXT NOT NULL,
	location     TEXT NOT NULL,
	uri          TEXT NOT NULL,
	quirks       TEXT NOT NULL,
	enabled      BIGINT NOT NULL,
	state        TEXT NOT NULL,
	state_text   TEXT NOT NULL,
	state_since  BIGINT NOT NULL,
	state_seen   BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX devices_name ON devices (tenant, fold);
CREATE UNIQUE INDEX devices_serial ON devices (tenant, serial) WHERE serial <> '';

CREATE TABLE terminals (
	tenant         TEXT NOT NULL,
	id             TEXT NOT NULL,
	name           TEXT NOT NULL,
	fold           TEXT NOT NULL,
	device         TEXT NOT NULL,
	allow          TEXT NOT NULL,
	pin_only       BIGINT NOT NULL,
	asserted       BIGINT NOT NULL,
	language       TEXT NOT NULL,
	recall_after   BIGINT NOT NULL,
	secret         BYTEA,           -- digest of the enrolment secret
	secret_expires BIGINT NOT NULL,
	token          BYTEA,           -- digest of the token it was exchanged for
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX terminals_name ON terminals (tenant, fold);
CREATE UNIQUE INDEX terminals_secret ON terminals (tenant, secret) WHERE secret IS NOT NULL;
CREATE UNIQUE INDEX terminals_token ON terminals (tenant, token) WHERE token IS NOT NULL;

CREATE TABLE jobs (
	tenant       TEXT NOT NULL,
	id           BIGINT NOT NULL,
	uuid         TEXT NOT NULL,
	state        BIGINT NOT NULL,  -- RFC 8011: 3 pending ... 9 completed; below 7 the job is not done
	reasons      TEXT NOT NULL,
	message      TEXT NOT NULL,
	queue        TEXT NOT NULL,
	owner        TEXT NOT NULL,    -- user id, '' unclaimed
	owner_rule   TEXT NOT NULL,
	claimed      TEXT NOT NULL,
	ticket       TEXT NOT NULL,    -- JSON, without what is personal
	personal     BYTEA,            -- sealed JSON: title, class, banner, extra lines
	door         TEXT NOT NULL,
	door_queue   TEXT NOT NULL,
	door_user    TEXT NOT NULL,
	client       TEXT NOT NULL,
	priority     BIGINT NOT NULL,
	device       TEXT NOT NULL,    -- '' while held
	not_before   BIGINT NOT NULL,
	attempts     BIGINT NOT NULL,
	crashes      BIGINT NOT NULL,
	octets       BIGINT NOT NULL,
	files        BIGINT NOT NULL,  -- how many of its documents are in the spool
	created_at   BIGINT NOT NULL,
	released_at  BIGINT NOT NULL,
	completed_at BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	fence        BIGINT NOT NULL,
	boot         TEXT NOT NULL,    -- who claimed it
	cancel_asked BIGINT NOT NULL,
	seen         BIGINT NOT NULL,
	copies       BIGINT NOT NULL,  -- options of its release
	sides        TEXT NOT NULL,
	extended     BIGINT NOT NULL,  -- its owner has extended its hold time
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX jobs_uuid ON jobs (tenant, uuid);
CREATE INDEX jobs_open ON jobs (tenant, owner, id, state) WHERE state < 7;
CREATE INDEX jobs_queue ON jobs (tenant, queue, id, state) WHERE state < 7;
CREATE INDEX jobs_held ON jobs (tenant, expires_at) WHERE state = 4;
CREATE INDEX jobs_next ON jobs (tenant, device, priority DESC, released_at, id) WHERE state = 3;
CREATE INDEX jobs_done ON jobs (tenant, owner, completed_at) WHERE state > 6;
CREATE INDEX jobs_over ON jobs (tenant, completed_at, state) WHERE state > 6;
CREATE INDEX jobs_kept ON jobs (tenant, owner, id) WHERE state > 6 AND files > 0;
CREATE INDEX jobs_named ON jobs (tenant, completed_at) WHERE state > 6 AND personal IS NOT NULL;

CREATE TABLE documents (
	tenant     TEXT NOT NULL,
	job        BIGINT NOT NULL,
	number     BIGINT NOT NULL,
	name       BYTEA,           -- sealed
	octets     BIGINT NOT NULL,
	digest     BYTEA NOT NULL,  -- keyed
	language   TEXT NOT NULL,
	copies     BIGINT NOT NULL,
	file       TEXT NOT NULL,   -- '' once it is erased
	counted    BIGINT NOT NULL, -- 0: nobody has tried to count its pages
	pages      BIGINT NOT NULL, -- -1 unknown
	sides      TEXT NOT NULL,
	colour     TEXT NOT NULL,
	method     TEXT NOT NULL,
	confidence TEXT NOT NULL,
	why        TEXT NOT NULL,
	PRIMARY KEY (tenant, job, number),
	FOREIGN KEY (tenant, job) REFERENCES jobs (tenant, id) ON DELETE CASCADE
) /* clustered */;
CREATE UNIQUE INDEX documents_file ON documents (tenant, counted, file) WHERE file <> '';
CREATE INDEX documents_digest ON documents (tenant, digest);

CREATE TABLE job_history (
	tenant TEXT NOT NULL,
	job    BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	actor  TEXT NOT NULL,
	text   TEXT NOT NULL,
	args   TEXT NOT NULL, -- JSON
	PRIMARY KEY (tenant, job, n),
	FOREIGN KEY (tenant, job) REFERENCES jobs (tenant, id) ON DELETE CASCADE
) /* clustered */;

-- What an owner has in the spool (octets) and has not printed yet (jobs).
CREATE TABLE usage (
	tenant TEXT NOT NULL,
	owner  TEXT NOT NULL,
	octets BIGINT NOT NULL,
	jobs   BIGINT NOT NULL,
	PRIMARY KEY (tenant, owner)
) /* clustered */;

CREATE TABLE releases (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	device   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	session  TEXT NOT NULL,
	at       BIGINT NOT NULL,
	scope    TEXT NOT NULL,
	idem_key TEXT NOT NULL, -- '' none
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX releases_key ON releases (tenant, scope, idem_key) WHERE idem_key <> '';
CREATE INDEX releases_at ON releases (tenant, at);

CREATE TABLE release_items (
	tenant     TEXT NOT NULL,
	release_id TEXT NOT NULL,
	n          BIGINT NOT NULL,
	job        BIGINT NOT NULL,
	status     TEXT NOT NULL,
	reason     TEXT NOT NULL,
	PRIMARY KEY (tenant, release_id, n),
	FOREIGN KEY (tenant, release_id) REFERENCES releases (tenant, id) ON DELETE CASCADE
) /* clustered */;

-- One row per send, written before its first octet.
CREATE TABLE sends (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	job      BIGINT NOT NULL,
	device   TEXT NOT NULL,
	fence    BIGINT NOT NULL,
	boot     TEXT NOT NULL,
	begun_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL, -- 0 while nobody knows
	PRIMARY KEY (tenant, id)
);
CREATE INDEX sends_job ON sends (tenant, job);

CREATE TABLE ledger (
	tenant      TEXT NOT NULL,
	id          TEXT NOT NULL, -- of the send
	node_key    TEXT NOT NULL,
	epoch       BIGINT NOT NULL,
	seq         BIGINT NOT NULL,
	at          BIGINT NOT NULL,
	job         TEXT NOT NULL,
	job_id      BIGINT NOT NULL,
	owner       TEXT NOT NULL,
	owner_name  TEXT NOT NULL,
	department  TEXT NOT NULL,
	device      TEXT NOT NULL,
	device_name TEXT NOT NULL,
	serial      TEXT NOT NULL,
	queue       TEXT NOT NULL,
	queue_name  TEXT NOT NULL,
	title       BYTEA,         -- sealed
	outcome     TEXT NOT NULL,
	evidence    BIGINT NOT NULL,
	octets      BIGINT NOT NULL,
	copies      BIGINT NOT NULL,
	sides       TEXT NOT NULL,
	colour      TEXT NOT NULL,
	pages       BIGINT NOT NULL,
	impressions BIGINT NOT NULL,
	sheets      BIGINT NOT NULL,
	method      TEXT NOT NULL,
	confidence  TEXT NOT NULL,
	cost_minor  BIGINT NOT NULL,
	currency    TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX ledger_birth ON ledger (node_key, epoch, seq);
CREATE INDEX ledger_job ON ledger (tenant, job_id);
CREATE INDEX ledger_at ON ledger (tenant, at, id);
CREATE INDEX ledger_named ON ledger (tenant, at) WHERE title IS NOT NULL;

-- What waits for the primary.
CREATE TABLE outbox (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL, -- "ledger"
	id     TEXT NOT NULL,
	at     BIGINT NOT NULL,
	PRIMARY KEY (tenant, kind, id)
) /* clustered */;

-- The feed of a tenant: the last change of each thing, by number.
CREATE TABLE changes (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL,
	id     TEXT NOT NULL,
	seq    BIGINT NOT NULL,
	gone   BIGINT NOT NULL, -- 1: a tombstone
	PRIMARY KEY (tenant, kind, id)
) /* clustered */;
CREATE UNIQUE INDEX changes_seq ON changes (tenant, seq);

CREATE TABLE audit (
	tenant TEXT NOT NULL,
	n      BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash   BYTEA NOT NULL, -- over the line and the hash before it
	PRIMARY KEY (tenant, n)
);

CREATE TABLE settings (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	value  TEXT NOT NULL, -- JSON
	PRIMARY KEY (tenant, name)
) /* clustered */;

CREATE TABLE sessions (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	token    BYTEA NOT NULL, -- digest
	terminal TEXT NOT NULL,
	device   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	method   TEXT NOT NULL,
	started  BIGINT NOT NULL,
	seen     BIGINT NOT NULL,
	idle     BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX sessions_token ON sessions (tenant, token);
CREATE INDEX sessions_terminal ON sessions (tenant, terminal);

CREATE TABLE throttles (
	tenant   TEXT NOT NULL,
	name     TEXT NOT NULL,
	version  BIGINT NOT NULL,
	failures TEXT NOT NULL, -- JSON
	at       BIGINT NOT NULL,
	PRIMARY KEY (tenant, name)
) /* clustered */;
CREATE INDEX throttles_at ON throttles (tenant, at);

CREATE TABLE tokens (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	label      TEXT NOT NULL,
	digest     BYTEA NOT NULL,
	queue      TEXT NOT NULL,
	owner      TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX tokens_digest ON tokens (tenant, digest);
