//! What a caller may learn about itself: its credential, its list, the address it is judged by.

use super::Call;
use super::error::Rejection;
use super::respond::Answer;
use super::wire::system as wire;
use crate::access::AccessList;

/// What answers, and who asks.
pub(super) fn show(call: &Call<'_>) -> Result<Answer, Rejection> {
    let snapshot = call.snapshot();
    let principal = &call.caller.principal;
    let (org, id) = (principal.org, principal.credential);
    let list = snapshot.lists.find(id).map_or(&[][..], |list| AccessList::entries(list));
    let key = snapshot.credentials.key(org, id);
    let account = snapshot.credentials.account(org, id);
    let caller = match (key, account) {
        (Some(key), _) => Some(wire::Credential::Key(key)),
        (None, account) => account.map(|account| wire::Credential::Account(account)),
    };
    let address = call.caller.address;
    Ok(Answer::Document(wire::system(caller, list, address, &call.links)))
}

/// The address that the caller is judged by.
pub(super) fn address(call: &Call<'_>) -> Answer {
    Answer::Document(wire::caller_address(call.caller.address))
}
