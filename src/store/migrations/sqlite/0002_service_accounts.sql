-- Service accounts: credentials like API keys, with access lists like theirs, and tokens that their secrets are given for.

-- Whatever has an access list: an API key or a service account, of the same id.
CREATE TABLE credential (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12)
) STRICT, WITHOUT ROWID;

INSERT INTO credential (id) SELECT id FROM api_key;

-- The same table as before, but for what `credential` refers to.
CREATE TABLE entry_2 (
    -- The order of each list.
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
    credential BLOB NOT NULL REFERENCES credential (id),
    -- Canonical, as in 203.0.113.0/24.
    prefix TEXT NOT NULL,
    -- The address part as first written, where that is not canonical.
    spelling TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    UNIQUE (credential, prefix)
) STRICT;

INSERT INTO entry_2 (position, id, credential, prefix, spelling, created_ms, expires_ms)
SELECT position, id, credential, prefix, spelling, created_ms, expires_ms FROM entry;

DROP TABLE entry;
ALTER TABLE entry_2 RENAME TO entry;

-- Hours that a new secret may be valid at most; none: as many as the API knows.
ALTER TABLE organization ADD COLUMN most_secret_hours INTEGER CHECK (most_secret_hours > 0);

CREATE TABLE service_account (
    id BLOB NOT NULL PRIMARY KEY REFERENCES credential (id) CHECK (length(id) = 12),
    org BLOB NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Published names, separated by spaces.
    roles TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    account BLOB NOT NULL REFERENCES service_account (id),
    -- HMAC-SHA256 of account and secret, and the key of the key file that it was made with.
    key_id TEXT NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 32),
    tail TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    last_used_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX secret_of_account ON secret (account);

-- Access tokens that may still be presented. Not the tokens themselves: those are nowhere.
CREATE TABLE token (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    account BLOB NOT NULL REFERENCES service_account (id),
    secret BLOB NOT NULL REFERENCES secret (id),
    expires_ms INTEGER NOT NULL,
    revoked INTEGER NOT NULL CHECK (revoked IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX token_of_account ON token (account);
CREATE INDEX token_of_secret ON token (secret);

-- Keys that sign access tokens; the youngest signs, and those that it replaced verify for a while.
CREATE TABLE signing_key (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    -- Sealed.
    key BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
