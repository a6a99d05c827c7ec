//! Organizations: the caller sees its own and no other.

use std::slice;

use axum::body::Body;

use super::Call;
use super::error::{About, Rejection};
use super::input;
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

/// The settings of the caller's organization.
pub(super) fn settings(call: &Call<'_>) -> Answer {
    Answer::Document(wire::settings::settings(&call.caller.organization))
}

/// Changes the settings of the caller's organization.
pub(super) async fn update_settings(call: &Call<'_>, body: Body) -> Result<Answer, Rejection> {
    let update = input::settings::parse_settings_update(&call.read_json(body).await?)?;
    let organization = call.control().update_organization(call.org(), update).await;
    let organization =
        organization.map_err(|error| call.failed(About::Organization(call.org()), error))?;
    Ok(Answer::Document(wire::settings::settings(&organization)))
}
