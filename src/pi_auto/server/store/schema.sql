-- What the migrations make of empty books; written by script/schema.
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE devices (
	device_id VARCHAR(63) NOT NULL, 
	hostname VARCHAR(253), 
	claim_hash BLOB, 
	client_version VARCHAR(64) NOT NULL, 
	system_info JSON NOT NULL, 
	registered_at DATETIME NOT NULL, 
	last_api_at DATETIME, 
	last_heartbeat_at DATETIME, 
	said_offline_at DATETIME, 
	reported JSON, 
	changed BIGINT NOT NULL, connected_at DATETIME, disconnected_at DATETIME, connection_order VARCHAR(64), connects JSON, legacy BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_devices PRIMARY KEY (device_id)
);
CREATE INDEX ix_devices_changed ON devices (changed);
CREATE INDEX ix_devices_hostname ON devices (hostname);
CREATE TABLE tokens (
	hash BLOB NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	issued_at DATETIME NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (hash), 
	CONSTRAINT fk_tokens_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_tokens_device_id ON tokens (device_id);
CREATE TABLE spools (
	device_id VARCHAR(63) NOT NULL, 
	spool VARCHAR(36) NOT NULL, 
	through BIGINT NOT NULL, 
	asked INTEGER NOT NULL, 
	CONSTRAINT pk_spools PRIMARY KEY (device_id, spool), 
	CONSTRAINT fk_spools_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE TABLE scans (
	id INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	uuid VARCHAR(36) NOT NULL, 
	spool VARCHAR(36) NOT NULL, 
	number BIGINT NOT NULL, 
	scanner_id VARCHAR(256) NOT NULL, 
	scanner_name VARCHAR(256) NOT NULL, 
	scanner_port VARCHAR(256) NOT NULL, 
	raw BLOB NOT NULL, 
	text TEXT NOT NULL, 
	aim VARCHAR(3), 
	symbology VARCHAR(32), 
	gtin VARCHAR(14), 
	check_digit_ok BOOLEAN, 
	repeat_of VARCHAR(36), 
	quantity INTEGER NOT NULL, 
	boot_id VARCHAR(36) NOT NULL, 
	boottime_ns BIGINT NOT NULL, 
	wall_time DATETIME NOT NULL, 
	synced BOOLEAN NOT NULL, 
	corrected_time DATETIME, 
	time_error_ms BIGINT, 
	scanned_at DATETIME NOT NULL, 
	digest BLOB NOT NULL, 
	received_at DATETIME NOT NULL, 
	api_at DATETIME, 
	hub_at DATETIME, 
	changed BIGINT NOT NULL, legacy BOOLEAN DEFAULT 0 NOT NULL, hub_name VARCHAR(36), 
	CONSTRAINT pk_scans PRIMARY KEY (id), 
	CONSTRAINT fk_scans_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id), 
	CONSTRAINT uq_scans_device_id_uuid UNIQUE (device_id, uuid)
);
CREATE INDEX ix_scans_changed ON scans (changed);
CREATE INDEX ix_scans_device_id_id ON scans (device_id, id);
CREATE INDEX ix_scans_device_scanned ON scans (device_id, scanned_at);
CREATE INDEX ix_scans_received_at ON scans (received_at);
CREATE INDEX ix_scans_scanned_at ON scans (scanned_at);
CREATE TABLE conflicts (
	id INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	uuid VARCHAR(36) NOT NULL, 
	way VARCHAR(8) NOT NULL, 
	content JSON NOT NULL, 
	digest BLOB NOT NULL, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT pk_conflicts PRIMARY KEY (id), 
	CONSTRAINT fk_conflicts_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id), 
	CONSTRAINT uq_conflicts_device_id_uuid_digest UNIQUE (device_id, uuid, digest)
);
CREATE TABLE incidents (
	id INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	uuid VARCHAR(36) NOT NULL, 
	spool VARCHAR(36) NOT NULL, 
	number BIGINT NOT NULL, 
	type VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	scanner_id VARCHAR(256), 
	happened_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	changed BIGINT NOT NULL, 
	CONSTRAINT pk_incidents PRIMARY KEY (id), 
	CONSTRAINT fk_incidents_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id), 
	CONSTRAINT uq_incidents_device_id_uuid UNIQUE (device_id, uuid)
);
CREATE INDEX ix_incidents_changed ON incidents (changed);
CREATE TABLE refusals (
	id INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	way VARCHAR(8) NOT NULL, 
	reason TEXT NOT NULL, 
	received_at DATETIME NOT NULL, 
	CONSTRAINT pk_refusals PRIMARY KEY (id)
);
CREATE INDEX ix_refusals_device_id ON refusals (device_id);
CREATE TABLE cursors (
	source VARCHAR(64) NOT NULL, 
	through BIGINT NOT NULL, 
	last VARCHAR(255), 
	CONSTRAINT pk_cursors PRIMARY KEY (source)
);
CREATE TABLE update_reports (
	id INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	said_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, step VARCHAR(16), update_id VARCHAR(64), percent BIGINT, reason TEXT, 
	CONSTRAINT pk_update_reports PRIMARY KEY (id), 
	CONSTRAINT fk_update_reports_device_id FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_update_reports_device_id ON update_reports (device_id);
CREATE TABLE eventhub_ownerships (
	namespace VARCHAR(253) NOT NULL, 
	eventhub VARCHAR(256) NOT NULL, 
	consumer_group VARCHAR(256) NOT NULL, 
	partition VARCHAR(32) NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	etag VARCHAR(36) NOT NULL, 
	modified FLOAT NOT NULL, 
	CONSTRAINT pk_eventhub_ownerships PRIMARY KEY (namespace, eventhub, consumer_group, partition)
);
CREATE TABLE eventhub_checkpoints (
	namespace VARCHAR(253) NOT NULL, 
	eventhub VARCHAR(256) NOT NULL, 
	consumer_group VARCHAR(256) NOT NULL, 
	partition VARCHAR(32) NOT NULL, 
	sequence_number BIGINT NOT NULL, 
	"offset" VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_eventhub_checkpoints PRIMARY KEY (namespace, eventhub, consumer_group, partition)
);
CREATE TABLE online_spans (
	device_id VARCHAR(63) NOT NULL, 
	way VARCHAR(3) NOT NULL, 
	through BIGINT NOT NULL, 
	since BIGINT, 
	CONSTRAINT pk_online_spans PRIMARY KEY (device_id, way), 
	CONSTRAINT fk_online_spans_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE TABLE device_days (
	device_id VARCHAR(63) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	way VARCHAR(3) NOT NULL, 
	online_ms BIGINT NOT NULL, 
	connects INTEGER NOT NULL, 
	CONSTRAINT pk_device_days PRIMARY KEY (device_id, day, way), 
	CONSTRAINT fk_device_days_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_device_days_day ON device_days (day);
CREATE TABLE operator_links (
	hash BLOB NOT NULL, 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	used_at DATETIME, 
	CONSTRAINT pk_operator_links PRIMARY KEY (hash)
);
CREATE TABLE operator_sessions (
	hash BLOB NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	scopes VARCHAR(255) NOT NULL, 
	begun_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_operator_sessions PRIMARY KEY (hash)
);
CREATE TABLE operator_tokens (
	name VARCHAR(64) NOT NULL, 
	hash BLOB NOT NULL, 
	scopes VARCHAR(255) NOT NULL, 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_operator_tokens PRIMARY KEY (name), 
	CONSTRAINT uq_operator_tokens_hash UNIQUE (hash)
);
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR(128) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	subject VARCHAR(128) NOT NULL, 
	outcome VARCHAR(64) NOT NULL, 
	detail JSON NOT NULL, 
	address VARCHAR(64), 
	last_at DATETIME, 
	times BIGINT NOT NULL, 
	grouped_by VARCHAR(255), 
	CONSTRAINT pk_audit PRIMARY KEY (number), 
	CONSTRAINT uq_audit_grouped_by UNIQUE (grouped_by)
);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_audit_subject ON audit (subject);
CREATE TABLE identities (
	serial VARCHAR(64) NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	public_key BLOB NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	enrolled_at DATETIME NOT NULL, 
	granted_by VARCHAR(128) NOT NULL, 
	boots JSON NOT NULL, 
	cloned_at DATETIME, 
	CONSTRAINT pk_identities PRIMARY KEY (serial), 
	CONSTRAINT uq_identities_device_id UNIQUE (device_id), 
	CONSTRAINT uq_identities_fingerprint UNIQUE (fingerprint), 
	CONSTRAINT fk_identities_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE TABLE device_tokens (
	hash BLOB NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	issued_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	place VARCHAR(8) NOT NULL, 
	CONSTRAINT pk_device_tokens PRIMARY KEY (hash), 
	CONSTRAINT fk_device_tokens_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_device_tokens_device_id ON device_tokens (device_id);
CREATE TABLE pending (
	serial VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	system_info JSON NOT NULL, 
	client_version VARCHAR(64) NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	network VARCHAR(64) NOT NULL, 
	first_at DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	approved_by VARCHAR(128), 
	CONSTRAINT pk_pending PRIMARY KEY (serial, fingerprint)
);
CREATE INDEX ix_pending_network ON pending (network);
CREATE INDEX ix_pending_last_at ON pending (last_at);
CREATE TABLE used_nonces (
	hash BLOB NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_used_nonces PRIMARY KEY (hash)
);
CREATE INDEX ix_used_nonces_expires_at ON used_nonces (expires_at);
CREATE TABLE preauthorisations (
	serial VARCHAR(64) NOT NULL, 
	fingerprint VARCHAR(64), 
	secret_hash BLOB, 
	made_by VARCHAR(128) NOT NULL, 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_preauthorisations PRIMARY KEY (serial)
);
CREATE TABLE batches (
	name VARCHAR(64) NOT NULL, 
	hash BLOB NOT NULL, 
	most INTEGER NOT NULL, 
	used INTEGER NOT NULL, 
	made_by VARCHAR(128) NOT NULL, 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_batches PRIMARY KEY (name), 
	CONSTRAINT uq_batches_hash UNIQUE (hash)
);
CREATE TABLE revocations (
	kind VARCHAR(8) NOT NULL, 
	value VARCHAR(64) NOT NULL, 
	made_by VARCHAR(128) NOT NULL, 
	made_at DATETIME NOT NULL, 
	reason VARCHAR(255) NOT NULL, 
	CONSTRAINT pk_revocations PRIMARY KEY (kind, value)
);
CREATE TABLE enrolment_settings (
	name VARCHAR(32) NOT NULL, 
	value VARCHAR(255) NOT NULL, 
	CONSTRAINT pk_enrolment_settings PRIMARY KEY (name)
);
CREATE TABLE retired_tokens (
	hash BLOB NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	retired_at DATETIME NOT NULL, 
	CONSTRAINT pk_retired_tokens PRIMARY KEY (hash), 
	CONSTRAINT fk_retired_tokens_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_retired_tokens_device_id ON retired_tokens (device_id);
CREATE TABLE clone_spans (
	number INTEGER NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	since DATETIME NOT NULL, 
	noticed_at DATETIME NOT NULL, 
	until DATETIME, 
	evidence VARCHAR(32) NOT NULL, 
	settled_by VARCHAR(128), 
	CONSTRAINT pk_clone_spans PRIMARY KEY (number), 
	CONSTRAINT fk_clone_spans_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_clone_spans_device_id ON clone_spans (device_id);
CREATE TABLE binding_codes (
	hash BLOB NOT NULL, 
	serial VARCHAR(64), 
	made_by VARCHAR(128) NOT NULL, 
	made_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_binding_codes PRIMARY KEY (hash)
);
CREATE TABLE hub_wishes (
	device_id VARCHAR(63) NOT NULL, 
	wish VARCHAR(8) NOT NULL, 
	number BIGINT NOT NULL, 
	made_at DATETIME NOT NULL, 
	tries INTEGER NOT NULL, 
	next_at DATETIME NOT NULL, 
	claimed_until DATETIME, 
	error VARCHAR(255), 
	CONSTRAINT pk_hub_wishes PRIMARY KEY (device_id)
);
CREATE INDEX ix_hub_wishes_next_at ON hub_wishes (next_at);
CREATE TABLE legacy_networks (
	network VARCHAR(64) NOT NULL, 
	opened_by VARCHAR(128) NOT NULL, 
	opened_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	closed_at DATETIME, 
	CONSTRAINT pk_legacy_networks PRIMARY KEY (network)
);
CREATE TABLE legacy_devices (
	named_id VARCHAR(63) NOT NULL, 
	hub_id VARCHAR(63) NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	other_address VARCHAR(64), 
	network VARCHAR(64) NOT NULL, 
	system_info JSON NOT NULL, 
	client_version VARCHAR(64) NOT NULL, 
	first_at DATETIME NOT NULL, 
	last_at DATETIME NOT NULL, 
	approved_by VARCHAR(128), 
	approved_at DATETIME, 
	refused_at DATETIME, 
	issued_at DATETIME, 
	issues INTEGER NOT NULL, 
	hub_enabled BOOLEAN, 
	migrate_by VARCHAR(128), 
	update_said VARCHAR(16), 
	update_said_at DATETIME, 
	scans BIGINT NOT NULL, 
	CONSTRAINT pk_legacy_devices PRIMARY KEY (named_id), 
	CONSTRAINT uq_legacy_devices_hub_id UNIQUE (hub_id)
);
CREATE INDEX ix_legacy_devices_network ON legacy_devices (network);
CREATE INDEX ix_legacy_devices_last_at ON legacy_devices (last_at);
CREATE TABLE releases (
	counter BIGINT NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	target VARCHAR(256) NOT NULL, 
	update_id VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	notes TEXT NOT NULL, 
	published_at DATETIME NOT NULL, 
	published_by VARCHAR(128) NOT NULL, 
	withdrawn_at DATETIME, 
	withdrawn_by VARCHAR(128), least_counter BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_releases PRIMARY KEY (counter), 
	CONSTRAINT uq_releases_version UNIQUE (version), 
	CONSTRAINT uq_releases_update_id UNIQUE (update_id)
);
CREATE TABLE rollouts (
	id INTEGER NOT NULL, 
	counter BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	stages JSON NOT NULL, 
	stage INTEGER NOT NULL, 
	stage_at DATETIME, 
	success INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	failure_percent INTEGER NOT NULL, 
	silence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	forgiven_at DATETIME, 
	why TEXT, 
	made_by VARCHAR(128) NOT NULL, 
	made_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	urgent INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_rollouts PRIMARY KEY (id), 
	CONSTRAINT fk_rollouts_counter_releases FOREIGN KEY(counter) REFERENCES releases (counter)
);
CREATE INDEX ix_rollouts_counter ON rollouts (counter);
CREATE INDEX ix_rollouts_state ON rollouts (state);
CREATE TABLE update_attempts (
	rollout_id BIGINT NOT NULL, 
	device_id VARCHAR(63) NOT NULL, 
	counter BIGINT NOT NULL, 
	stage INTEGER NOT NULL, 
	step VARCHAR(16) NOT NULL, 
	reason TEXT, 
	percent INTEGER, 
	attempts INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	failed_at DATETIME, 
	first_at DATETIME NOT NULL, 
	offered_at DATETIME NOT NULL, 
	said_at DATETIME, 
	heard_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	CONSTRAINT pk_update_attempts PRIMARY KEY (rollout_id, device_id, counter), 
	CONSTRAINT fk_update_attempts_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_update_attempts_device_id ON update_attempts (device_id);
CREATE TABLE update_checks (
	device_id VARCHAR(63) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	asked_at DATETIME NOT NULL, 
	highest BIGINT NOT NULL, 
	CONSTRAINT pk_update_checks PRIMARY KEY (device_id), 
	CONSTRAINT fk_update_checks_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_update_checks_asked_at ON update_checks (asked_at);
CREATE TABLE update_pins (
	device_id VARCHAR(63) NOT NULL, 
	counter BIGINT NOT NULL, 
	pinned_by VARCHAR(128) NOT NULL, 
	pinned_at DATETIME NOT NULL, 
	CONSTRAINT pk_update_pins PRIMARY KEY (device_id), 
	CONSTRAINT fk_update_pins_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id), 
	CONSTRAINT fk_update_pins_counter_releases FOREIGN KEY(counter) REFERENCES releases (counter)
);
CREATE TABLE device_groups (
	device_id VARCHAR(63) NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_device_groups PRIMARY KEY (device_id), 
	CONSTRAINT fk_device_groups_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_device_groups_name ON device_groups (name);
CREATE TABLE device_tags (
	device_id VARCHAR(63) NOT NULL, 
	tag VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_device_tags PRIMARY KEY (device_id, tag), 
	CONSTRAINT fk_device_tags_device_id_devices FOREIGN KEY(device_id) REFERENCES devices (device_id)
);
CREATE INDEX ix_device_tags_tag ON device_tags (tag);
CREATE TABLE maintenance_windows (
	kind VARCHAR(8) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	days VARCHAR(27) NOT NULL, 
	begins INTEGER NOT NULL, 
	ends INTEGER NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_maintenance_windows PRIMARY KEY (kind, name)
);
CREATE INDEX ix_update_reports_update_id ON update_reports (update_id);
CREATE INDEX ix_scans_device_hub_name ON scans (device_id, hub_name) WHERE hub_name IS NOT NULL;
INSERT INTO "alembic_version" VALUES('0012');
