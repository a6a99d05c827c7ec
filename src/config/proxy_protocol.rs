//! `proxy_protocol` and `proxy_protocol_peers` of a listener: whose header is believed.

use super::place::proxies;
use super::reader::{Reported, Section};
use super::sections::RANGES;
use super::value::choice;
use crate::net::proxy_protocol::{Mode, Settings};

/// Both keys, which are nothing without each other. Without them, a header is believed of nobody.
pub(super) fn proxy_protocol(section: &mut Section<'_>) -> Result<Option<Settings>, Reported> {
    let mode = section.or("proxy_protocol", None, choice(MODES));
    let peers = match section.take("proxy_protocol_peers") {
        Some(field) => field.each_once(RANGES, |range| range.read(proxies), |range| *range),
        None => Ok(Vec::new()),
    };
    let (mode, peers) = (mode?, peers?);
    let peers: Vec<_> = peers.into_iter().map(|(range, _)| range).collect();
    match mode {
        None if peers.is_empty() => Ok(None),
        None => Err(section.miss("proxy_protocol", MODE)),
        Some(_) if peers.is_empty() => Err(section.miss("proxy_protocol_peers", PEERS)),
        Some(mode) => Ok(Some(Settings { mode, peers })),
    }
}

const MODES: &[(&str, Option<Mode>)] =
    &[("refuse", None), ("require", Some(Mode::Require)), ("allow", Some(Mode::Allow))];

const MODE: &str = "`require` or `allow`, since there are `proxy_protocol_peers`";

const PEERS: &str = "the ranges of the balancers whose PROXY protocol header is believed, as in \
    `[\"10.0.0.0/8\"]`";
