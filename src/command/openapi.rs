//! `openapi`: the admin API's own document, for tools that want it as a file.

use super::{OpenapiArguments, say};
use crate::admin::document::{Document, Facts};

/// Prints the document.
pub(super) fn run(arguments: &OpenapiArguments) -> miette::Result<()> {
    let document = Document::render(Facts::default());
    let text = if arguments.json { document.json } else { document.yaml };
    say(&String::from_utf8_lossy(&text))
}
