//! Organizations: the caller sees its own and no other.

use std::slice;

use super::Call;
use super::page::page_of;
use super::respond::Answer;
use super::wire;

/// The caller's organizations whose name begins as asked for, in whatever case.
pub(super) fn list(call: &Call<'_>) -> Answer {
    let own = &call.caller.organization;
    let beginning = call.query.name.as_deref().unwrap_or_default().to_lowercase();
    let shown =
        if own.name.to_lowercase().starts_with(&beginning) { slice::from_ref(own) } else { &[] };
    let href = call.links.organizations();
    Answer::Page(page_of(shown, &href, &call.query, |each| wire::organization(each, &call.links)))
}

/// The caller's organization.
pub(super) fn show(call: &Call<'_>) -> Answer {
    Answer::Document(wire::organization(&call.caller.organization, &call.links))
}
