CREATE TABLE migrations (
	n INTEGER PRIMARY KEY NOT NULL,
	name TEXT NOT NULL,
	at INTEGER NOT NULL
) STRICT;
CREATE TABLE tenants (
	id           TEXT PRIMARY KEY NOT NULL,
	name         TEXT NOT NULL,
	created_at   INTEGER NOT NULL,
	changes      INTEGER NOT NULL, -- the last seq of its feed
	audit        INTEGER NOT NULL  -- the last line of its audit trail
) STRICT;
CREATE TABLE counters (
	name  TEXT PRIMARY KEY NOT NULL,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
	node_key TEXT PRIMARY KEY NOT NULL,
	epoch    INTEGER NOT NULL,
	seq      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	login      TEXT NOT NULL,
	full_name  TEXT NOT NULL,
	email      TEXT NOT NULL,
	upn        TEXT NOT NULL,
	department TEXT NOT NULL,
	language   TEXT NOT NULL,
	enabled    INTEGER NOT NULL,
	source     TEXT NOT NULL,
	rights     TEXT NOT NULL,
	password   TEXT NOT NULL, -- argon2id, PHC string
	pin        TEXT NOT NULL, -- the same
	pin_digest BLOB,         -- keyed digest, for look-up
	created_at INTEGER NOT NULL, blocked INTEGER NOT NULL DEFAULT 0, until_at INTEGER NOT NULL DEFAULT 0, removed_at INTEGER NOT NULL DEFAULT 0, password_until INTEGER NOT NULL DEFAULT 0, sponsor TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE aliases (
	tenant  TEXT NOT NULL,
	alias   TEXT NOT NULL,
	user_id TEXT NOT NULL, source TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (tenant, alias, user_id),
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE cards (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	digest     BLOB NOT NULL, -- keyed digest of the normal form
	raw        BLOB,          -- keyed digest of what the reader sent
	last       TEXT NOT NULL,
	label      TEXT NOT NULL,
	blocked    INTEGER NOT NULL,
	created_at INTEGER NOT NULL, source TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (tenant, id),
	FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;
CREATE TABLE queues (
	tenant        TEXT NOT NULL,
	id            TEXT NOT NULL,
	name          TEXT NOT NULL,
	fold          TEXT NOT NULL, -- the form in which names are compared
	info          TEXT NOT NULL,
	mode          TEXT NOT NULL,
	device        TEXT NOT NULL,
	allow         TEXT NOT NULL,
	priority      INTEGER NOT NULL,
	encoding      TEXT NOT NULL,
	hold_for      INTEGER NOT NULL,
	keep_for      INTEGER NOT NULL,
	confidential  INTEGER NOT NULL,
	accept_jobs   INTEGER NOT NULL,
	allow_remove  INTEGER NOT NULL,
	owner_pattern TEXT NOT NULL,
	max_octets    INTEGER NOT NULL, ipp TEXT NOT NULL DEFAULT '{}', owner TEXT NOT NULL DEFAULT '{}',
	PRIMARY KEY (tenant, id)
) STRICT;
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
	enabled      INTEGER NOT NULL,
	state        TEXT NOT NULL,
	state_text   TEXT NOT NULL,
	state_since  INTEGER NOT NULL,
	state_seen   INTEGER NOT NULL, profile TEXT NOT NULL DEFAULT '', capabilities TEXT NOT NULL DEFAULT '{}', state_reasons TEXT NOT NULL DEFAULT '', spki TEXT NOT NULL DEFAULT '', site TEXT NOT NULL DEFAULT '', device_groups TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE terminals (
	tenant         TEXT NOT NULL,
	id             TEXT NOT NULL,
	name           TEXT NOT NULL,
	fold           TEXT NOT NULL,
	device         TEXT NOT NULL,
	allow          TEXT NOT NULL,
	pin_only       INTEGER NOT NULL,
	asserted       INTEGER NOT NULL,
	language       TEXT NOT NULL,
	recall_after   INTEGER NOT NULL,
	secret         BLOB,           -- digest of the enrolment secret
	secret_expires INTEGER NOT NULL,
	token          BLOB, rule TEXT NOT NULL DEFAULT '',           -- digest of the token it was exchanged for
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE jobs (
	tenant       TEXT NOT NULL,
	id           INTEGER NOT NULL,
	uuid         TEXT NOT NULL,
	state        INTEGER NOT NULL,  -- RFC 8011: 3 pending ... 9 completed; below 7 the job is not done
	reasons      TEXT NOT NULL,
	message      TEXT NOT NULL,
	queue        TEXT NOT NULL,
	owner        TEXT NOT NULL,    -- user id, '' unclaimed
	owner_rule   TEXT NOT NULL,
	claimed      TEXT NOT NULL,
	ticket       TEXT NOT NULL,    -- JSON, without what is personal
	personal     BLOB,            -- sealed JSON: title, class, banner, extra lines
	door         TEXT NOT NULL,
	door_queue   TEXT NOT NULL,
	door_user    TEXT NOT NULL,
	client       TEXT NOT NULL,
	priority     INTEGER NOT NULL,
	device       TEXT NOT NULL,    -- '' while held
	not_before   INTEGER NOT NULL,
	attempts     INTEGER NOT NULL,
	crashes      INTEGER NOT NULL,
	octets       INTEGER NOT NULL,
	files        INTEGER NOT NULL,  -- how many of its documents are in the spool
	created_at   INTEGER NOT NULL,
	released_at  INTEGER NOT NULL,
	completed_at INTEGER NOT NULL,
	expires_at   INTEGER NOT NULL,
	fence        INTEGER NOT NULL,
	boot         TEXT NOT NULL,    -- who claimed it
	cancel_asked INTEGER NOT NULL,
	seen         INTEGER NOT NULL,
	copies       INTEGER NOT NULL,  -- options of its release
	sides        TEXT NOT NULL,
	extended     INTEGER NOT NULL, mono INTEGER NOT NULL DEFAULT 0, released_by TEXT NOT NULL DEFAULT '',  -- its owner has extended its hold time
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE documents (
	tenant     TEXT NOT NULL,
	job        INTEGER NOT NULL,
	number     INTEGER NOT NULL,
	name       BLOB,           -- sealed
	octets     INTEGER NOT NULL,
	digest     BLOB NOT NULL,  -- keyed
	language   TEXT NOT NULL,
	copies     INTEGER NOT NULL,
	file       TEXT NOT NULL,   -- '' once it is erased
	counted    INTEGER NOT NULL, -- 0: nobody has tried to count its pages
	pages      INTEGER NOT NULL, -- -1 unknown
	sides      TEXT NOT NULL,
	colour     TEXT NOT NULL,
	method     TEXT NOT NULL,
	confidence TEXT NOT NULL,
	why        TEXT NOT NULL,
	PRIMARY KEY (tenant, job, number),
	FOREIGN KEY (tenant, job) REFERENCES jobs (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE job_history (
	tenant TEXT NOT NULL,
	job    INTEGER NOT NULL,
	n      INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	text   TEXT NOT NULL,
	args   TEXT NOT NULL, -- JSON
	PRIMARY KEY (tenant, job, n),
	FOREIGN KEY (tenant, job) REFERENCES jobs (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE usage (
	tenant TEXT NOT NULL,
	owner  TEXT NOT NULL,
	octets INTEGER NOT NULL,
	jobs   INTEGER NOT NULL,
	PRIMARY KEY (tenant, owner)
) STRICT, WITHOUT ROWID;
CREATE TABLE releases (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	device   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	session  TEXT NOT NULL,
	at       INTEGER NOT NULL,
	scope    TEXT NOT NULL,
	idem_key TEXT NOT NULL, -- '' none
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE release_items (
	tenant     TEXT NOT NULL,
	release_id TEXT NOT NULL,
	n          INTEGER NOT NULL,
	job        INTEGER NOT NULL,
	status     TEXT NOT NULL,
	reason     TEXT NOT NULL,
	PRIMARY KEY (tenant, release_id, n),
	FOREIGN KEY (tenant, release_id) REFERENCES releases (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE sends (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	job      INTEGER NOT NULL,
	device   TEXT NOT NULL,
	fence    INTEGER NOT NULL,
	boot     TEXT NOT NULL,
	begun_at INTEGER NOT NULL,
	ended_at INTEGER NOT NULL, -- 0 while nobody knows
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE ledger (
	tenant      TEXT NOT NULL,
	id          TEXT NOT NULL, -- of the send
	node_key    TEXT NOT NULL,
	epoch       INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	job         TEXT NOT NULL,
	job_id      INTEGER NOT NULL,
	owner       TEXT NOT NULL,
	owner_name  TEXT NOT NULL,
	department  TEXT NOT NULL,
	device      TEXT NOT NULL,
	device_name TEXT NOT NULL,
	serial      TEXT NOT NULL,
	queue       TEXT NOT NULL,
	queue_name  TEXT NOT NULL,
	title       BLOB,         -- sealed
	outcome     TEXT NOT NULL,
	evidence    INTEGER NOT NULL,
	octets      INTEGER NOT NULL,
	copies      INTEGER NOT NULL,
	sides       TEXT NOT NULL,
	colour      TEXT NOT NULL,
	pages       INTEGER NOT NULL,
	impressions INTEGER NOT NULL,
	sheets      INTEGER NOT NULL,
	method      TEXT NOT NULL,
	confidence  TEXT NOT NULL,
	cost_minor  INTEGER NOT NULL,
	currency    TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE outbox (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL, -- "ledger"
	id     TEXT NOT NULL,
	at     INTEGER NOT NULL,
	PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
	tenant TEXT NOT NULL,
	kind   TEXT NOT NULL,
	id     TEXT NOT NULL,
	seq    INTEGER NOT NULL,
	gone   INTEGER NOT NULL, -- 1: a tombstone
	PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
	tenant TEXT NOT NULL,
	n      INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash   BLOB NOT NULL, -- over the line and the hash before it
	PRIMARY KEY (tenant, n)
) STRICT;
CREATE TABLE settings (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	value  TEXT NOT NULL, -- JSON
	PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	token    BLOB NOT NULL, -- digest
	terminal TEXT NOT NULL,
	device   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	method   TEXT NOT NULL,
	started  INTEGER NOT NULL,
	seen     INTEGER NOT NULL,
	idle     INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE throttles (
	tenant   TEXT NOT NULL,
	name     TEXT NOT NULL,
	version  INTEGER NOT NULL,
	failures TEXT NOT NULL, -- JSON
	at       INTEGER NOT NULL,
	PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	label      TEXT NOT NULL,
	digest     BLOB NOT NULL,
	queue      TEXT NOT NULL,
	owner      TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	used_at    INTEGER NOT NULL, kind TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '', rights TEXT NOT NULL DEFAULT '', expires_at INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE queue_names (
	tenant TEXT NOT NULL,
	fold   TEXT NOT NULL,
	queue  TEXT NOT NULL,
	PRIMARY KEY (tenant, fold),
	FOREIGN KEY (tenant, queue) REFERENCES queues (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE sources (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	kind     TEXT NOT NULL,
	config   TEXT NOT NULL, -- JSON, of its kind
	enabled  INTEGER NOT NULL,
	every    INTEGER NOT NULL, -- between two looks at what has changed
	rule     TEXT NOT NULL,   -- brings its card numbers to the form that readers send
	standing BLOB,           -- where its changes stand: a cursor that it gave
	full_at  INTEGER NOT NULL, -- the last time that everybody was compared
	good_at  INTEGER NOT NULL, -- the last time that it answered
	report   TEXT NOT NULL,   -- JSON, of the last run
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE source_entries (
	tenant     TEXT NOT NULL,
	source     TEXT NOT NULL,
	entry      TEXT NOT NULL, -- the key that it has there for life
	kind       TEXT NOT NULL, -- "user", "group"
	target     TEXT NOT NULL, -- the user or group that it is here
	base       TEXT NOT NULL,
	digest     BLOB NOT NULL,
	missing_at INTEGER NOT NULL, -- it was not there, and somebody has to say whether to believe that
	gone_at    INTEGER NOT NULL,
	PRIMARY KEY (tenant, source, entry)
) STRICT;
CREATE TABLE groups (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	source     TEXT NOT NULL, -- '' made here
	created_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE memberships (
	tenant   TEXT NOT NULL,
	group_id TEXT NOT NULL,
	member   TEXT NOT NULL, -- a user or a group
	nested   INTEGER NOT NULL,
	PRIMARY KEY (tenant, group_id, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE rights (
	tenant       TEXT NOT NULL,
	holder       TEXT NOT NULL,
	may          TEXT NOT NULL,
	device_group TEXT NOT NULL, -- '' at every device
	queue        TEXT NOT NULL, -- '' of every queue
	amount       INTEGER NOT NULL,
	PRIMARY KEY (tenant, holder, may, device_group, queue)
) STRICT, WITHOUT ROWID;
CREATE TABLE device_groups (
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	name   TEXT NOT NULL,
	fold   TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE sites (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	location TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE readers (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	terminal TEXT NOT NULL,
	kind     TEXT NOT NULL,
	config   TEXT NOT NULL, -- JSON, of its kind
	rule     TEXT NOT NULL,
	enabled  INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE codes (
	tenant     TEXT NOT NULL,
	digest     BLOB NOT NULL,
	user_id    TEXT NOT NULL,
	purpose    TEXT NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, digest)
) STRICT;
CREATE TABLE delegations (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	owner      TEXT NOT NULL,
	delegate   TEXT NOT NULL, -- a user or a group
	made_by    TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	consent_at INTEGER NOT NULL, -- 0: not asked, or not given
	consent    TEXT NOT NULL,   -- how it was given
	until_at   INTEGER NOT NULL,
	titles     INTEGER NOT NULL, -- delegates read the titles
	deletes    INTEGER NOT NULL, -- delegates may delete what waits
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE balances (
	tenant   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	account  TEXT NOT NULL, -- '' the person's own
	amount   INTEGER NOT NULL, -- minor units
	currency TEXT NOT NULL,
	origin   TEXT NOT NULL, -- "papercut", ...
	at       INTEGER NOT NULL,
	PRIMARY KEY (tenant, user_id, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE vault (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	value  BLOB NOT NULL,
	PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE web_sessions (
	tenant     TEXT NOT NULL,
	digest     BLOB NOT NULL, -- keyed, of the token that the browser has
	id         TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	method     TEXT NOT NULL,   -- "password", "kerberos", "oidc", "setup"
	roles      TEXT NOT NULL,   -- of the claims that it began with, by name
	created_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL,
	expires_at INTEGER NOT NULL, -- whatever its person does
	client     TEXT NOT NULL,   -- address that it began from
	hint       TEXT NOT NULL,   -- what the browser said it was
	PRIMARY KEY (tenant, digest)
) STRICT;
CREATE TABLE chains (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	purpose    TEXT NOT NULL, -- "server", "signing", "root", "issuing"
	origin     TEXT NOT NULL, -- "built-in", "imported", "request", "acme", "watched"
	certs      BLOB,         -- PEM, the leaf first; NULL while an answer is awaited
	private    BLOB NOT NULL, -- the key, sealed
	request    BLOB,         -- what an authority is asked to sign
	config     TEXT NOT NULL, -- JSON, of its origin
	created_at INTEGER NOT NULL,
	tried_at   INTEGER NOT NULL, -- the last renewal
	trouble    TEXT NOT NULL,   -- why that did not work
	next_at    INTEGER NOT NULL, -- the next renewal, where it is not at two thirds of its life
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE TABLE domains (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	chain  TEXT NOT NULL, -- '' the one that the node makes by itself
	PRIMARY KEY (tenant, name)
) STRICT;
CREATE TABLE trusted (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	purposes   TEXT NOT NULL,
	cert       BLOB NOT NULL, -- DER
	created_at INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX users_login ON users (tenant, login);
CREATE INDEX users_email ON users (tenant, email) WHERE email <> '';
CREATE INDEX users_upn ON users (tenant, upn) WHERE upn <> '';
CREATE INDEX users_pin ON users (tenant, pin_digest) WHERE pin_digest IS NOT NULL;
CREATE UNIQUE INDEX cards_digest ON cards (tenant, digest);
CREATE INDEX cards_user ON cards (tenant, user_id);
CREATE UNIQUE INDEX queues_name ON queues (tenant, fold);
CREATE UNIQUE INDEX devices_name ON devices (tenant, fold);
CREATE UNIQUE INDEX devices_serial ON devices (tenant, serial) WHERE serial <> '';
CREATE UNIQUE INDEX terminals_name ON terminals (tenant, fold);
CREATE UNIQUE INDEX terminals_secret ON terminals (tenant, secret) WHERE secret IS NOT NULL;
CREATE UNIQUE INDEX terminals_token ON terminals (tenant, token) WHERE token IS NOT NULL;
CREATE UNIQUE INDEX jobs_uuid ON jobs (tenant, uuid);
CREATE INDEX jobs_open ON jobs (tenant, owner, id, state) WHERE state < 7;
CREATE INDEX jobs_queue ON jobs (tenant, queue, id, state) WHERE state < 7;
CREATE INDEX jobs_held ON jobs (tenant, expires_at) WHERE state = 4;
CREATE INDEX jobs_next ON jobs (tenant, device, priority DESC, released_at, id) WHERE state = 3;
CREATE INDEX jobs_done ON jobs (tenant, owner, completed_at) WHERE state > 6;
CREATE INDEX jobs_over ON jobs (tenant, completed_at, state) WHERE state > 6;
CREATE INDEX jobs_kept ON jobs (tenant, owner, id) WHERE state > 6 AND files > 0;
CREATE INDEX jobs_named ON jobs (tenant, completed_at) WHERE state > 6 AND personal IS NOT NULL;
CREATE UNIQUE INDEX documents_file ON documents (tenant, counted, file) WHERE file <> '';
CREATE INDEX documents_digest ON documents (tenant, digest);
CREATE UNIQUE INDEX releases_key ON releases (tenant, scope, idem_key) WHERE idem_key <> '';
CREATE INDEX releases_at ON releases (tenant, at);
CREATE INDEX sends_job ON sends (tenant, job);
CREATE UNIQUE INDEX ledger_birth ON ledger (node_key, epoch, seq);
CREATE INDEX ledger_job ON ledger (tenant, job_id);
CREATE INDEX ledger_at ON ledger (tenant, at, id);
CREATE INDEX ledger_named ON ledger (tenant, at) WHERE title IS NOT NULL;
CREATE UNIQUE INDEX changes_seq ON changes (tenant, seq);
CREATE UNIQUE INDEX sessions_token ON sessions (tenant, token);
CREATE INDEX sessions_terminal ON sessions (tenant, terminal);
CREATE INDEX throttles_at ON throttles (tenant, at);
CREATE UNIQUE INDEX tokens_digest ON tokens (tenant, digest);
CREATE INDEX queue_names_queue ON queue_names (tenant, queue);
CREATE INDEX jobs_sent ON jobs (tenant, client, claimed, id, state) WHERE door = 'ipp';
CREATE INDEX jobs_incoming ON jobs (tenant, id) WHERE state = 4 AND files = 0;
CREATE INDEX users_until ON users (tenant, until_at) WHERE until_at > 0;
CREATE INDEX users_password_until ON users (tenant, password_until) WHERE password_until > 0;
CREATE INDEX users_removed ON users (tenant, removed_at) WHERE removed_at > 0;
CREATE INDEX aliases_of ON aliases (tenant, user_id, source);
CREATE INDEX cards_raw ON cards (tenant, raw) WHERE raw IS NOT NULL;
CREATE UNIQUE INDEX sources_name ON sources (tenant, fold);
CREATE INDEX source_entries_missing ON source_entries (tenant, source, missing_at) WHERE missing_at > 0;
CREATE INDEX source_entries_target ON source_entries (tenant, target);
CREATE INDEX groups_name ON groups (tenant, fold);
CREATE INDEX memberships_member ON memberships (tenant, member, nested);
CREATE UNIQUE INDEX device_groups_name ON device_groups (tenant, fold);
CREATE UNIQUE INDEX sites_name ON sites (tenant, fold);
CREATE UNIQUE INDEX readers_name ON readers (tenant, fold);
CREATE INDEX codes_user ON codes (tenant, user_id);
CREATE INDEX codes_over ON codes (tenant, expires_at);
CREATE UNIQUE INDEX delegations_pair ON delegations (tenant, owner, delegate);
CREATE INDEX delegations_delegate ON delegations (tenant, delegate);
CREATE INDEX delegations_until ON delegations (tenant, until_at) WHERE until_at > 0;
CREATE INDEX web_sessions_user ON web_sessions (tenant, user_id);
CREATE INDEX web_sessions_over ON web_sessions (tenant, expires_at);
CREATE UNIQUE INDEX users_subject ON users (tenant, subject) WHERE subject <> '';
CREATE UNIQUE INDEX chains_name ON chains (tenant, fold);
CREATE UNIQUE INDEX domains_name ON domains (name);
CREATE UNIQUE INDEX trusted_name ON trusted (tenant, fold);
INSERT INTO migrations VALUES (1, '0001_init.sql', 1803888000000);
INSERT INTO migrations VALUES (2, '0002_ipp.sql', 1803888000000);
INSERT INTO migrations VALUES (3, '0003_people.sql', 1803888000000);
INSERT INTO migrations VALUES (4, '0004_certificates.sql', 1803888000000);
INSERT INTO tenants VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'default', 1803888000000, 10, 1);
INSERT INTO tenants VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'the other one', 1803888000000, 9, 1);
INSERT INTO counters VALUES ('job', 4);
INSERT INTO epochs VALUES ('key-1', 1803888000000, 1);
INSERT INTO users VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000a1', 'anna', 'Anna Berg', 'anna@example.test', 'anna@corp.test', 'sales', '', 1, 'local', 'release', 'phc-p', 'phc-n', x'70696e', 1803888000000, 0, 0, 0, 0, '', '');
INSERT INTO users VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000a2', 'ben', '', '', '', '', '', 1, 'local', '', '', '', NULL, 1803888000000, 0, 0, 0, 0, '', '');
INSERT INTO users VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000a1', 'anna', 'Anna Berg', 'anna@example.test', 'anna@corp.test', 'sales', '', 1, 'local', 'release', 'phc-p', 'phc-n', x'70696e', 1803888000000, 0, 0, 0, 0, '', '');
INSERT INTO users VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000a2', 'ben', '', '', '', '', '', 1, 'local', '', '', '', NULL, 1803888000000, 0, 0, 0, 0, '', '');
INSERT INTO aliases VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'aberg', '0198f000-0000-7000-8000-0000000000a1', '');
INSERT INTO aliases VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'berg.a', '0198f000-0000-7000-8000-0000000000a1', '');
INSERT INTO aliases VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'aberg', '0198f000-0000-7000-8000-0000000000a1', '');
INSERT INTO aliases VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'berg.a', '0198f000-0000-7000-8000-0000000000a1', '');
INSERT INTO cards VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000a1', '0198f000-0000-7000-8000-0000000000a1', x'63617264', x'726177', '3D4', '', 0, 1803888000000, '');
INSERT INTO cards VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000a1', '0198f000-0000-7000-8000-0000000000a1', x'63617264', x'726177', '3D4', '', 0, 1803888000000, '');
INSERT INTO queues VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000b1', 'Secure', 'secure', 'a queue', 'hold', '', '10.0.0.0/8', 50, 'windows-1252', 345600000, 7200000, 0, 1, 0, '', 0, '{"uuid":"0198f000-0000-7000-8000-0000000000b1","location":"hall","geo":"","organization":"","unit":"","require_identity":false,"report_completed":false,"hold_new":false,"paused":false,"hidden":false,"profile":"","devices":null}', '{}');
INSERT INTO queues VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000b2', 'Direct', 'direct', 'a queue', 'passthrough', '0198f000-0000-7000-8000-0000000000c1', '10.0.0.0/8', 50, 'windows-1252', 345600000, 7200000, 0, 1, 0, '', 0, '{"uuid":"0198f000-0000-7000-8000-0000000000b2","location":"","geo":"","organization":"","unit":"","require_identity":false,"report_completed":false,"hold_new":false,"paused":false,"hidden":false,"profile":"","devices":null}', '{}');
INSERT INTO queues VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000b1', 'Secure', 'secure', 'a queue', 'hold', '', '10.0.0.0/8', 50, 'windows-1252', 345600000, 7200000, 0, 1, 0, '', 0, '{"uuid":"0198f000-0000-7000-8000-0000000000b1","location":"","geo":"","organization":"","unit":"","require_identity":false,"report_completed":false,"hold_new":false,"paused":false,"hidden":false,"profile":"","devices":null}', '{}');
INSERT INTO queues VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000b2', 'Direct', 'direct', 'a queue', 'passthrough', '0198f000-0000-7000-8000-0000000000c1', '10.0.0.0/8', 50, 'windows-1252', 345600000, 7200000, 0, 1, 0, '', 0, '{"uuid":"0198f000-0000-7000-8000-0000000000b2","location":"","geo":"","organization":"","unit":"","require_identity":false,"report_completed":false,"hold_new":false,"paused":false,"hidden":false,"profile":"","devices":null}', '{}');
INSERT INTO devices VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000c1', 'Hall', 'hall', 'S-1', '', '', 'folder:///tmp/hall', '', 1, 'unknown', '', 0, 0, '', '{"asked":"0001-01-01T00:00:00Z","model":"","formats":null,"colour":false,"sides":null,"media":null,"ready":null,"sources":null,"types":null,"finishings":null,"bins":null,"dpi":null,"copies":0,"ppm":0,"ppm_colour":0,"margin":0,"raster_dpi":null,"sheet_back":"","attributes":null}', '', '', '', '');
INSERT INTO devices VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000c2', 'Attic', 'attic', '', '', '', 'lpr://attic/q', 'slow-close no-pjl', 1, 'unknown', '', 0, 0, '', '{"asked":"0001-01-01T00:00:00Z","model":"","formats":null,"colour":false,"sides":null,"media":null,"ready":null,"sources":null,"types":null,"finishings":null,"bins":null,"dpi":null,"copies":0,"ppm":0,"ppm_colour":0,"margin":0,"raster_dpi":null,"sheet_back":"","attributes":null}', '', '', '', '');
INSERT INTO devices VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000c1', 'Hall', 'hall', 'S-1', '', '', 'folder:///tmp/hall', '', 1, 'unknown', '', 0, 0, '', '{"asked":"0001-01-01T00:00:00Z","model":"","formats":null,"colour":false,"sides":null,"media":null,"ready":null,"sources":null,"types":null,"finishings":null,"bins":null,"dpi":null,"copies":0,"ppm":0,"ppm_colour":0,"margin":0,"raster_dpi":null,"sheet_back":"","attributes":null}', '', '', '', '');
INSERT INTO devices VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000c2', 'Attic', 'attic', '', '', '', 'lpr://attic/q', 'slow-close no-pjl', 1, 'unknown', '', 0, 0, '', '{"asked":"0001-01-01T00:00:00Z","model":"","formats":null,"colour":false,"sides":null,"media":null,"ready":null,"sources":null,"types":null,"finishings":null,"bins":null,"dpi":null,"copies":0,"ppm":0,"ppm_colour":0,"margin":0,"raster_dpi":null,"sheet_back":"","attributes":null}', '', '', '', '');
INSERT INTO terminals VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000d1', 'Panel', 'panel', '0198f000-0000-7000-8000-0000000000c1', '', 0, 0, '', 300000, x'736563726574', 1803891600000, NULL, '');
INSERT INTO terminals VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000d1', 'Panel', 'panel', '0198f000-0000-7000-8000-0000000000c1', '', 0, 0, '', 300000, x'736563726574', 1803891600000, NULL, '');
INSERT INTO jobs VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 1, 'f16d05ec-6b29-7248d-82c61-adb1e9263f', 4, 'job-held-for-release', '', '0198f000-0000-7000-8000-0000000000b1', '0198f000-0000-7000-8000-0000000000a1', 'The login.', 'ANNA', '{"host":"pc17","copies":2,"sides":"two-sided-long-edge","cut":true}', x'6f8aeb2b3cd52f8121782e332e363f786078393b343b28237a2e332e363f7a3c33222e2f283f78767839363b2929786078393b343b28237a39363b2929787678383b34343f28786078393b343b28237a383b34343f287876783f222e283b7860217800786078393b343b28237a3f222e283b782727', 'lpd', 'SECURE', '', '10.1.2.3', 50, '', 0, 0, 0, 1000, 2, 1803888000000, 0, 0, 1804233600000, 0, '', 0, 0, 0, '', 0, 0, '');
INSERT INTO jobs VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 2, 'f16d05ec-6b29-7248d-82c61-adb1e9263f', 4, 'job-held-for-release', '', '0198f000-0000-7000-8000-0000000000b1', '0198f000-0000-7000-8000-0000000000a1', 'The login.', 'ANNA', '{"host":"pc17","copies":2,"sides":"two-sided-long-edge","cut":true}', x'd1cc282a5a54f97221782e332e363f786078393b343b28237a2e332e363f7a3c33222e2f283f78767839363b2929786078393b343b28237a39363b2929787678383b34343f28786078393b343b28237a383b34343f287876783f222e283b7860217800786078393b343b28237a3f222e283b782727', 'lpd', 'SECURE', '', '10.1.2.3', 50, '', 0, 0, 0, 1000, 2, 1803888000000, 0, 0, 1804233600000, 0, '', 0, 0, 0, '', 0, 0, '');
INSERT INTO jobs VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 3, 'f12fde68-4b2e-7d4c6-827b7-77a0d2346e', 7, '', '', '0198f000-0000-7000-8000-0000000000b1', '0198f000-0000-7000-8000-0000000000a1', 'The login.', 'ANNA', '{"host":"pc17","copies":2,"sides":"two-sided-long-edge","cut":true}', x'5874eace7f69f62d21782e332e363f786078393b343b28237a2e332e363f7a393b34393f363f3e78767839363b2929786078393b343b28237a39363b2929787678383b34343f28786078393b343b28237a383b34343f287876783f222e283b7860217800786078393b343b28237a3f222e283b782727', 'lpd', 'SECURE', '', '10.1.2.3', 50, '0198f000-0000-7000-8000-0000000000c1', 0, 0, 0, 1000, 2, 1803888000000, 0, 1803888000000, 1804233600000, 0, '', 0, 0, 0, '', 0, 0, '');
INSERT INTO jobs VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 4, 'dda3af6e-69b6-7a757-82b64-5336a52b4b', 9, 'job-completed-successfully job-stored', '', '0198f000-0000-7000-8000-0000000000b1', '0198f000-0000-7000-8000-0000000000a1', 'The login.', 'ANNA', '{"host":"pc17","copies":2,"sides":"two-sided-long-edge","cut":true}', x'fd766a4670a3f96621782e332e363f786078393b343b28237a2e332e363f7a2a2833342e3f3e78767839363b2929786078393b343b28237a39363b2929787678383b34343f28786078393b343b28237a383b34343f287876783f222e283b7860217800786078393b343b28237a3f222e283b782727', 'lpd', 'SECURE', '', '10.1.2.3', 50, '0198f000-0000-7000-8000-0000000000c1', 0, 0, 0, 1000, 2, 1803888000000, 1803888000000, 1803888000000, 1803895200000, 1, 'boot 1', 0, 0, 0, '', 0, 0, '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 1, 1, x'aab7999b1ac1746d393b343b28237a343b373f7a3c33222e2f283f', 700, x'38f8fa78bac6138f14f7268423abee0ee58c1ea626f8431e504aa68a8129878e', 'pdf', 1, 'f16d05ec-6b29-7248d-82c61-adb1e9263f-1.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 1, 2, x'f91614a6ad258513393b343b28237a343b373f7a3c33222e2f283f', 300, x'b3d62fb4c0780d2c11596ef324e3582b301cb89d9993a5daaa93c6431187c278', 'pdf', 1, 'f16d05ec-6b29-7248d-82c61-adb1e9263f-2.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 3, 1, x'3d0b88825a3f03da393b343b28237a343b373f7a393b34393f363f3e', 700, x'4e04cf6026ce0609e80e04deb6c5d9fbafffa5bfa1df5103628e714989c72ade', 'pdf', 1, 'f12fde68-4b2e-7d4c6-827b7-77a0d2346e-1.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 3, 2, x'3869f718f03c1ecc393b343b28237a343b373f7a393b34393f363f3e', 300, x'9a707c8bf43bdc9de7885f8442d5e406580ec7bade089e795ce9e47927d7aba2', 'pdf', 1, 'f12fde68-4b2e-7d4c6-827b7-77a0d2346e-2.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 4, 1, x'3b1198ce66e435a3393b343b28237a343b373f7a2a2833342e3f3e', 700, x'8d1cebfee10d0ea8d82f180de5562623579dfbcaa422baf75aa7d3bc9f9f12fc', 'pdf', 1, 'dda3af6e-69b6-7a757-82b64-5336a52b4b-1.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 4, 2, x'4304116bf7f3c6b2393b343b28237a343b373f7a2a2833342e3f3e', 300, x'463381b1b58062fecf5c6e9cf1b3e72edf5702fb31fa5fa982105978c5a0a36e', 'pdf', 1, 'dda3af6e-69b6-7a757-82b64-5336a52b4b-2.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 2, 1, x'403ce053257d3325393b343b28237a343b373f7a3c33222e2f283f', 700, x'38f8fa78bac6138f14f7268423abee0ee58c1ea626f8431e504aa68a8129878e', 'pdf', 1, 'f16d05ec-6b29-7248d-82c61-adb1e9263f-1.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO documents VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 2, 2, x'30f1954ef6e4c5ed393b343b28237a343b373f7a3c33222e2f283f', 300, x'b3d62fb4c0780d2c11596ef324e3582b301cb89d9993a5daaa93c6431187c278', 'pdf', 1, 'f16d05ec-6b29-7248d-82c61-adb1e9263f-2.doc', 0, -1, '', '', '', 'none', '');
INSERT INTO job_history VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 1, 1, 1803888000000, 'the node', 'Arrived.', '');
INSERT INTO job_history VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 3, 1, 1803888000000, 'the node', 'Arrived.', '');
INSERT INTO job_history VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 4, 1, 1803888000000, 'the node', 'Arrived.', '');
INSERT INTO job_history VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 4, 2, 1803888000000, 'device Hall', 'Printed.', '');
INSERT INTO job_history VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 2, 1, 1803888000000, 'the node', 'Arrived.', '');
INSERT INTO usage VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000a1', 3000, 1);
INSERT INTO usage VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000a1', 1000, 1);
INSERT INTO releases VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '01a2236c-4e48-772b-9496-81c336f32501', '0198f000-0000-7000-8000-0000000000c1', '0198f000-0000-7000-8000-0000000000a1', '', 1803888000000, '', '');
INSERT INTO release_items VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '01a2236c-4e48-772b-9496-81c336f32501', 1, 4, 'queued', '');
INSERT INTO sends VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '01a2236c-4e49-7677-8bc7-055bd11b2f48', 4, '0198f000-0000-7000-8000-0000000000c1', 1, 'boot 1', 1803888001000, 1803888000000);
INSERT INTO ledger VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '01a2236c-4e49-7677-8bc7-055bd11b2f48', 'key-1', 1803888000000, 1, 1803888000000, 'dda3af6e-69b6-7a757-82b64-5336a52b4b', 4, '0198f000-0000-7000-8000-0000000000a1', 'anna', 'sales', '0198f000-0000-7000-8000-0000000000c1', 'Hall', 'S-1', '0198f000-0000-7000-8000-0000000000b1', 'Secure', x'd8a4ed4255c29ae2393b343b28237a2e332e363f7a2a2833342e3f3e', 'printed', 4, 1000, 0, '', '', 3, 0, 0, '', '', 0, '');
INSERT INTO outbox VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'ledger', '01a2236c-4e49-7677-8bc7-055bd11b2f48', 1803888000000);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'card', '0198f000-0000-7000-8000-0000000000a1', 4, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'device', '0198f000-0000-7000-8000-0000000000c1', 5, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'device', '0198f000-0000-7000-8000-0000000000c2', 6, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'queue', '0198f000-0000-7000-8000-0000000000b1', 10, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'queue', '0198f000-0000-7000-8000-0000000000b2', 8, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'terminal', '0198f000-0000-7000-8000-0000000000d1', 9, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'user', '0198f000-0000-7000-8000-0000000000a1', 3, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'user', '0198f000-0000-7000-8000-0000000000a2', 2, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'card', '0198f000-0000-7000-8000-0000000000a1', 4, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'device', '0198f000-0000-7000-8000-0000000000c1', 5, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'device', '0198f000-0000-7000-8000-0000000000c2', 6, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'queue', '0198f000-0000-7000-8000-0000000000b1', 7, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'queue', '0198f000-0000-7000-8000-0000000000b2', 8, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'terminal', '0198f000-0000-7000-8000-0000000000d1', 9, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'user', '0198f000-0000-7000-8000-0000000000a1', 3, 0);
INSERT INTO changes VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'user', '0198f000-0000-7000-8000-0000000000a2', 2, 0);
INSERT INTO audit VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 1, 1803888000000, 'anna', 'sign-in', 'panel', 'card', x'af1b5d49671520a50985eed78835873aa0638469d80eef0d986845f7b69b5578');
INSERT INTO audit VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 1, 1803888000000, 'anna', 'sign-in', 'panel', 'card', x'0090e3b32c8ce2c139fac62bb8dc1035c02964f9b1b37a5ae40d9274d8a6624d');
INSERT INTO throttles VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'anna', 1, '[1803888000000]', 1803888000000);
INSERT INTO throttles VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', 'anna', 1, '[1803888000000]', 1803888000000);
INSERT INTO tokens VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '0198f000-0000-7000-8000-0000000000a1', 'erp', x'746f6b656e', '', '', 1803888000000, 0, '', '', '', 0);
INSERT INTO tokens VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '0198f000-0000-7000-8000-0000000000a1', 'erp', x'746f6b656e', '', '', 1803888000000, 0, '', '', '', 0);
INSERT INTO queue_names VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', 'hp_color_2', '0198f000-0000-7000-8000-0000000000b1');
INSERT INTO rights VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '', 'colour', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '', 'copy', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '', 'fax', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7036-a6f5-e5c006d25f81', '', 'scan', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '', 'colour', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '', 'copy', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '', 'fax', '', '', 0);
INSERT INTO rights VALUES ('01a2236c-4e37-7c99-a832-2a09bad027ea', '', 'scan', '', '', 0);
