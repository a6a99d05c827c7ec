use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_key_file_reads_back_as_it_was_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.key");
    let made = KeyFile::create(&path).unwrap();
    let loaded = KeyFile::load(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(facts(&made), facts(&loaded));
    assert_eq!(made.id().len(), 8);
}

#[test]
fn two_key_files_share_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let one = facts(&KeyFile::create(&directory.path().join("one")).unwrap());
    let two = facts(&KeyFile::create(&directory.path().join("two")).unwrap());
    assert_ne!(one.0, two.0);
    assert_ne!(one.1, two.1);
    assert_ne!(one.2, two.2);
}

#[test]
fn each_purpose_has_a_key_of_its_own() {
    let keys = Keys::derive(&[7; 32]).unwrap();
    assert_ne!(keys.sealing.as_bytes(), keys.nonce.as_bytes());
    assert_ne!(keys.sealing.as_bytes(), &[7; 32]);
}

/// What was sealed by an earlier version must open for ever: these values may never change.
#[test]
fn keys_are_derived_as_they_always_were() {
    let keys = Keys::derive(&[7; 32]).unwrap();
    assert_eq!(&*keys.id, KNOWN_ID);
    assert_eq!(STANDARD.encode(keys.sealing.as_bytes()), KNOWN_SEALING_KEY);
    assert_eq!(STANDARD.encode(keys.nonce.as_bytes()), KNOWN_NONCE_KEY);
}

#[test]
fn an_existing_file_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.key");
    fs::write(&path, "something").unwrap();
    assert!(matches!(KeyFile::create(&path), Err(KeyFileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"something");
}

#[test]
fn a_file_that_others_may_touch_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.key");
    KeyFile::create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601, 0o644, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let message = KeyFile::load(&path).unwrap_err().to_string();
        for part in [path.to_str().unwrap(), &format!("mode {mode:04o}"), "expected 0600"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    KeyFile::load(&path).unwrap();
}

#[test]
fn a_missing_file_is_named() {
    let error = KeyFile::load(Path::new("/nowhere/portcullis.key")).unwrap_err();
    assert_eq!(error.to_string(), "key file /nowhere/portcullis.key does not exist");
}

#[test]
fn a_malformed_file_is_refused_by_line_without_showing_it() {
    let one = line(&[1; 32]);
    let altered = one.replace("AQEB", "AQIB");
    for (text, line, expected) in [
        ("".to_owned(), 1, "a line"),
        ("# nothing but a comment\n".to_owned(), 1, "a line"),
        ("portcullis-key-2 00000000 AAAA\n".to_owned(), 1, "`portcullis-key-1` at its start"),
        ("\nportcullis-key-1 00000000\n".to_owned(), 2, "`portcullis-key-1 <id>"),
        (format!("{} more\n", one.trim_end()), 1, "`portcullis-key-1 <id>"),
        ("portcullis-key-1 00000000 AAAA\n".to_owned(), 1, "32 bytes in Base64"),
        ("portcullis-key-1 00000000 \u{7f}!\n".to_owned(), 1, "32 bytes in Base64"),
        (format!("portcullis-key-1 0 {}\n", "A".repeat(4096)), 1, "32 bytes in Base64"),
        (format!("# a comment\n{altered}"), 2, "the key that belongs to its id"),
        (format!("{one}{one}"), 2, "each key once"),
        ("#".repeat(FILE_BYTES + 1), 1, "a key file, which has at most 16 KiB"),
    ] {
        let error = load_text(text.as_bytes()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&format!("line {line}: expected {expected}")), "{message}");
        for part in ["AQEB", "AQIB", "AAAA"] {
            assert!(!format!("{message}{error:?}").contains(part), "{message}");
        }
    }
    assert!(matches!(load_text(b"\xff\n"), Err(KeyFileError::Malformed { line: 1, .. })));
}

#[test]
fn the_first_key_seals_and_all_open() {
    let keys = load_text(
        format!("{}\r\n# older:\n{}", line(&[1; 32]).trim_end(), line(&[2; 32])).as_bytes(),
    );
    let keys = keys.unwrap();
    let (first, second) = (Keys::derive(&[1; 32]).unwrap(), Keys::derive(&[2; 32]).unwrap());
    assert_eq!(keys.id(), &*first.id);
    assert_eq!(keys.sealing_key().as_bytes(), first.sealing.as_bytes());
    let older: Vec<_> = keys.older_sealing_keys().map(|(id, key)| (id, *key.as_bytes())).collect();
    assert_eq!(older, [(&*second.id, *second.sealing.as_bytes())]);
}

#[test]
fn keys_are_never_shown() {
    let keys = load_text(line(&[1; 32]).as_bytes()).unwrap();
    let shown = format!("{keys:?}");
    assert!(shown.contains("SubKey(redacted)"), "{shown}");
    assert!(!shown.contains(&format!("{:?}", keys.nonce_key().as_bytes())), "{shown}");
}

fn facts(keys: &KeyFile) -> (String, [u8; 32], [u8; 32]) {
    (keys.id().to_owned(), *keys.sealing_key().as_bytes(), *keys.nonce_key().as_bytes())
}

fn line(secret: &[u8; 32]) -> String {
    format!("{KEY_WORD} {} {}\n", Keys::derive(secret).unwrap().id, STANDARD.encode(secret))
}

fn load_text(text: &[u8]) -> Result<KeyFile, KeyFileError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.key");
    private_file::create(&path).unwrap().write_all(text).unwrap();
    KeyFile::load(&path)
}

// By RFC 5869 from 32 bytes of 7, computed with Python's hmac module.
const KNOWN_ID: &str = "57402702";
const KNOWN_SEALING_KEY: &str = "ccE+Lq8soVa6mNvgUrrOYqNaZ5unH8gdKndulJlmEoo=";
const KNOWN_NONCE_KEY: &str = "Pxc9nRUCqnzsdjiO4FpPntLa5mhVSRKIlnAv7IDdHKQ=";
