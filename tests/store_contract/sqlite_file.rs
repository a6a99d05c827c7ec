//! What holds for the store in one SQLite file: which files are refused, and what lies in them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use portcullis::id::Revision;
use portcullis::keys::KeyFile;
use portcullis::store::{Damage, SqliteStore, Store, StoreError};
use tempfile::TempDir;

use super::Place;
use super::fixtures::*;

#[test]
fn a_file_that_is_no_sound_database_of_ours_is_refused_and_left_as_it_is() {
    let keys = keys("a");
    let sound = sound_file(&keys);
    let page_bytes = page_bytes(&sound);
    let mut foreign = sound.clone();
    foreign[68..72].copy_from_slice(&7_u32.to_be_bytes());
    let mut unmarked = sound.clone();
    unmarked[60..64].copy_from_slice(&0_u32.to_be_bytes());
    let mut torn = sound.clone();
    torn[page_bytes..2 * page_bytes].fill(0x5a);
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("short", b"SQLite format 3\0".to_vec()),
        ("garbage", (0..50_000_u32).map(|n| ((n * 31) >> 3) as u8).collect()),
        ("zeroes", vec![0; 8192]),
        ("another program's", foreign),
        ("without a schema version", unmarked),
        ("cut between pages", sound[..sound.len() - page_bytes].to_vec()),
        ("cut after the first page", sound[..page_bytes].to_vec()),
        ("cut within a page", sound[..sound.len() - 100].to_vec()),
        ("with a page of garbage", torn),
    ] {
        let place = SqliteFile::holding(&bytes);
        let error = place.open(&keys).err().expect(what);
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error:?}");
        assert!(error.to_string().contains(place.path().to_str().unwrap()), "{what}: {error}");
        assert!(place.bytes() == bytes, "{what}: the file has changed");
        assert!(matches!(place.create(&keys), Err(StoreError::Exists { .. })), "{what}");
        assert!(place.bytes() == bytes, "{what}: the file has changed");
    }
}

#[test]
fn damage_in_the_structure_of_any_page_is_found() {
    let keys = keys("a");
    let sound = sound_file(&keys);
    let page_bytes = page_bytes(&sound);
    for page in 0..sound.len() / page_bytes {
        let kind = if page == 0 { 100 } else { page * page_bytes };
        let mut bytes = sound.clone();
        bytes[kind] ^= 0x10;
        let place = SqliteFile::holding(&bytes);
        let error = place.open(&keys).err().unwrap();
        assert!(matches!(error, StoreError::Damaged { .. }), "page {page}: {error:?}");
        assert!(place.bytes() == bytes, "page {page}: the file has changed");
    }
}

#[test]
fn a_flipped_byte_anywhere_ends_in_an_error_or_in_a_whole_image() {
    let keys = keys("a");
    let sound = sound_file(&keys);
    for offset in (0..sound.len()).step_by(199) {
        let mut bytes = sound.clone();
        bytes[offset] ^= 0xff;
        let Ok(store) = SqliteFile::holding(&bytes).open(&keys) else { continue };
        match wait(store.load()) {
            Ok(image) => assert_eq!(image.keys.len(), 2, "byte {offset}"),
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "byte {offset}: {error:?}");
            }
        }
    }
}

#[test]
fn a_verifier_that_was_altered_in_the_file_does_not_open() {
    let keys = keys("a");
    let mut bytes = sound_file(&keys);
    // Past the form, the id of the key and the nonce lies the ciphertext.
    let sealed_by: Vec<u8> = [&[1], keys.id().as_bytes()].concat();
    let last = bytes.windows(9).rposition(|window| window == sealed_by).unwrap();
    bytes[last + 9 + 24] ^= 1;
    let store = SqliteFile::holding(&bytes).open(&keys).unwrap();
    let error = wait(store.load()).unwrap_err();
    assert!(
        matches!(error, StoreError::Damaged { reason: Damage::Sealed { .. }, .. }),
        "{error:?}"
    );
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let keys = keys("a");
    let mut bytes = sound_file(&keys);
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    let place = SqliteFile::holding(&bytes);
    match place.open(&keys).err().unwrap() {
        StoreError::TooNew { found: 77, known: 2, .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(place.bytes() == bytes);
}

#[test]
fn the_wrong_key_file_leaves_the_file_as_it_is() {
    let bytes = sound_file(&keys("a"));
    let place = SqliteFile::holding(&bytes);
    assert!(place.open(&keys("b")).is_err());
    assert!(place.bytes() == bytes);
}

#[test]
fn a_file_in_use_is_refused_until_it_is_let_go() {
    let keys = keys("a");
    let place = SqliteFile::new();
    let store = place.create(&keys).unwrap();
    assert!(matches!(place.open(&keys), Err(StoreError::InUse { .. })));
    let alias = place.directory.path().join("alias");
    std::os::unix::fs::symlink(place.path(), &alias).unwrap();
    assert!(matches!(SqliteStore::open(&alias, &keys), Err(StoreError::InUse { .. })));
    commit(&*store, new_organization(1)).unwrap();
    drop(store);
    assert_eq!(load(&*place.open(&keys).unwrap()).revision, Revision(1));
}

#[test]
fn what_was_acknowledged_is_found_though_nothing_was_closed() {
    let keys = keys("a");
    let place = SqliteFile::new();
    let store = place.create(&keys).unwrap();
    fill(&*store);
    let expected = load(&*store);
    // What a crash leaves: the file and its log as they are now.
    let crashed = SqliteFile::holding(&place.bytes());
    fs::copy(place.beside("-wal"), crashed.beside("-wal")).unwrap();

    assert_ne!(fs::metadata(crashed.beside("-wal")).unwrap().len(), 0);
    let found = load(&*crashed.open(&keys).unwrap());
    assert_eq!(found.revision, expected.revision);
    assert_eq!(lines(&found), lines(&expected));
}

#[test]
fn a_creation_that_crashed_is_no_obstacle_but_a_log_left_behind_is() {
    let keys = keys("a");
    let place = SqliteFile::new();
    fs::write(place.beside(".new"), "half").unwrap();
    fs::write(place.beside("-wal"), "of another file").unwrap();
    match place.create(&keys).err().unwrap() {
        StoreError::Exists { path } => assert!(path.ends_with("portcullis.db-wal")),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(place.beside("-wal")).unwrap(), b"of another file");
    fs::remove_file(place.beside("-wal")).unwrap();
    drop(place.create(&keys).unwrap());
    assert!(!place.beside(".new").exists());
}

#[test]
fn no_verifier_lies_in_any_file_in_plain_form() {
    let place = SqliteFile::new();
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let holds = |needle: &[u8]| {
        place.files().iter().any(|file| {
            fs::read(file).unwrap().windows(needle.len()).any(|window| window == needle)
        })
    };
    let secrets_are_absent = || {
        assert!(holds(b"aaaaaaaa"), "the search finds what is there");
        for secret in [&[0xa1_u8; 8][..], &[0xa2; 8], &[0xb1; 8], &[0xb2; 8]] {
            assert!(!holds(secret), "{secret:?}");
        }
    };
    secrets_are_absent();
    drop(store);
    secrets_are_absent();
}

#[test]
fn every_file_is_the_owner_s_alone() {
    let place = SqliteFile::new();
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let files = place.files();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{file:?}");
    }
}

#[test]
fn a_place_that_can_t_be_used_is_told_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent").join("portcullis.db");
    let error = SqliteStore::create(&path, &keys("a")).err().unwrap();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    let error = SqliteStore::open(directory.path(), &keys("a")).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

/// A directory with room for one SQLite file.
pub(super) struct SqliteFile {
    directory: TempDir,
}

impl SqliteFile {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn holding(bytes: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.path(), bytes).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("portcullis.db")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.directory.path().join(format!("portcullis.db{ending}"))
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.directory.path()).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

impl Place for SqliteFile {
    fn create(&self, keys: &KeyFile) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(SqliteStore::create(&self.path(), keys)?))
    }

    fn open(&self, keys: &KeyFile) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(SqliteStore::open(&self.path(), keys)?))
    }
}

/// The bytes of a store that holds something in every table and was closed.
pub(super) fn sound_file(keys: &KeyFile) -> Vec<u8> {
    let place = SqliteFile::new();
    let store = place.create(keys).unwrap();
    fill(&*store);
    flush(&*store, batch(1, 1, &[(11, 3, Some((500, "192.0.2.7")))], &[(99, 2, None)]));
    drop(store);
    place.bytes()
}

pub(super) fn page_bytes(file: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([file[16], file[17]]))
}
