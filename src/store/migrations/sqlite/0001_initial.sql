-- Identifiers are blobs of 12 bytes; hex(id) shows them as the API does.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

-- One row: what holds for the whole file.
CREATE TABLE deployment (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Grows by one with each change of the tables below, usage excepted.
    revision INTEGER NOT NULL CHECK (revision >= 0),
    -- The key that the file was made under, and a known value sealed with it.
    key_id TEXT NOT NULL,
    key_check BLOB NOT NULL
) STRICT;

CREATE TABLE organization (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    name TEXT NOT NULL,
    access_list_required INTEGER NOT NULL CHECK (access_list_required IN (0, 1)),
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    org BLOB NOT NULL REFERENCES organization (id),
    public_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    -- Published names, separated by spaces.
    roles TEXT NOT NULL,
    private_key_tail TEXT NOT NULL,
    -- Sealed.
    ha1_md5 BLOB NOT NULL,
    ha1_sha256 BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
    -- The order of each list.
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
    credential BLOB NOT NULL REFERENCES api_key (id),
    -- Canonical, as in 203.0.113.0/24.
    prefix TEXT NOT NULL,
    -- The address part as first written, where that is not canonical.
    spelling TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    UNIQUE (credential, prefix)
) STRICT;

-- By entry, those of named lists included, which are in no table.
CREATE TABLE usage (
    entry BLOB NOT NULL PRIMARY KEY CHECK (length(entry) = 12),
    count INTEGER NOT NULL CHECK (count >= 0),
    last_ms INTEGER,
    last_from TEXT,
    CHECK ((last_ms IS NULL) = (last_from IS NULL))
) STRICT, WITHOUT ROWID;

-- The last batch of usage of each recent start of the program: one that is sent again is not counted again.
CREATE TABLE usage_flush (
    -- The order of the starts.
    position INTEGER PRIMARY KEY,
    -- Both are unsigned numbers of 64 bits, their bits read as signed.
    boot INTEGER NOT NULL UNIQUE,
    sequence INTEGER NOT NULL
) STRICT;
