//! A path that was accepted holds nothing that an upstream could read in another way than we did.
//!
//! Input: the path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;
use portcullis::proxy::path::{PathError, PathForm, PathForms, Readings, check, lenient_reading};
use portcullis_fuzz::lenient_twin;

fuzz_target!(|bytes: &[u8]| {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let strict = check(path, PathForms::NONE);
    if path.starts_with('/') {
        assert_eq!(lenient_reading(path), lenient_twin(path));
    }
    match strict {
        Ok(readings) => is_harmless(path, readings),
        Err(PathError::Form(form)) => {
            let others = PathForm::ALL.into_iter().filter(|other| *other != form).collect();
            assert_eq!(check(path, others), Err(PathError::Form(form)));
            assert_eq!(check(path, PathForm::ALL.into_iter().collect()), Ok(Readings::Several));
        }
        Err(error) => assert_eq!(check(path, PathForm::ALL.into_iter().collect()), Err(error)),
    }
});

fn is_harmless(path: &str, readings: Readings) {
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    assert_eq!(decoded.first(), Some(&b'/'));
    assert!(!decoded.contains(&b'\\') && !decoded.contains(&0));
    assert_eq!(decoded.iter().filter(|b| **b == b'/').count(), path.matches('/').count());
    let segments: Vec<&[u8]> = decoded.split(|b| *b == b'/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..");
        assert!(!segment.is_empty() || at + 1 == segments.len());
    }
    if readings == Readings::One {
        assert_eq!(decoded, path.as_bytes());
        assert_eq!(lenient_reading(path), path.trim_end_matches('/').as_bytes());
    }
}
