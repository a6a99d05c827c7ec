//! What the texts of organizations and credentials may be. The admin API and the operator's commands both ask here.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Characters of a name. Source: the published schema.
pub const MOST_NAME_CHARACTERS: usize = 64;

/// Characters of a description. Source: the published schema.
pub const MOST_DESCRIPTION_CHARACTERS: usize = 250;

/// Whether `text` may name an organization: 1 to 64 characters on one line, without spaces at the ends.
pub fn is_organization_name(text: &str) -> bool {
    has_characters(text, MOST_NAME_CHARACTERS)
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

/// Whether `text` may describe an API key: 1 to 250 characters, none of them NUL.
pub fn is_key_description(text: &str) -> bool {
    has_characters(text, MOST_DESCRIPTION_CHARACTERS) && !text.contains('\0')
}

/// Whether `text` may name a service account: 1 to 64 letters and digits of any script, spaces and ``-_.,'``. Source: contract, section 9.
pub fn is_account_name(text: &str) -> bool {
    has_characters(text, MOST_NAME_CHARACTERS) && text.chars().all(is_plain)
}

/// Whether `text` may describe a service account: 1 to 250 of the same characters. Source: contract, section 9.
pub fn is_account_description(text: &str) -> bool {
    has_characters(text, MOST_DESCRIPTION_CHARACTERS) && text.chars().all(is_plain)
}

fn has_characters(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().take(most + 1).count())
}

fn is_plain(character: char) -> bool {
    let group = character.general_category_group();
    matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
        || "-_.,' ".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_s_name_is_one_line_of_text() {
        for name in ["default", "Büro 7", &"x".repeat(64)] {
            assert!(is_organization_name(name), "{name:?}");
        }
        for name in ["", " x", "x ", "a\nb", &"x".repeat(65)] {
            assert!(!is_organization_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_key_s_description_is_any_text_of_its_length_without_nul() {
        for text in ["ci", " ", "a\nb", &"ä".repeat(250)] {
            assert!(is_key_description(text), "{text:?}");
        }
        for text in ["", "a\0b", &"ä".repeat(251)] {
            assert!(!is_key_description(text), "{text:?}");
        }
    }

    #[test]
    fn an_account_s_texts_are_letters_digits_and_a_few_marks() {
        for text in ["ci", "Büro 7", "a-b_c.d,e'f", "构建", "Ⅷ", &"ä".repeat(64)] {
            assert!(is_account_name(text) && is_account_description(text), "{text:?}");
        }
        for text in ["", "a\nb", "a/b", "<b>", "a\u{7}", "\u{903}", "😀"] {
            assert!(!is_account_name(text) && !is_account_description(text), "{text:?}");
        }
        assert!(!is_account_name(&"x".repeat(65)) && is_account_description(&"x".repeat(65)));
        assert!(!is_account_description(&"x".repeat(251)));
    }
}
