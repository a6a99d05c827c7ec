use std::net::IpAddr;

use super::*;
use crate::access::{AccessList, LastUse, Usage};
use crate::addr::Prefix;
use crate::id::{EntryId, ObjectId};

const KEY: CredentialId = CredentialId(ObjectId::from_bytes([1; 12]));
const OTHER_KEY: CredentialId = CredentialId(ObjectId::from_bytes([2; 12]));

fn client(text: &str) -> ClientIp {
    ClientIp::from(text.parse::<IpAddr>().unwrap())
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A list of entries as in `10.0.0.0/8` or `10.0.0.0/8 until 100`.
fn list(entries: &[&str]) -> Arc<AccessList> {
    let entry = |text: &&str| {
        let (prefix, expires) = match text.split_once(" until ") {
            Some((prefix, ms)) => (prefix, Some(at(ms.parse().unwrap()))),
            None => (*text, None),
        };
        Arc::new(Entry {
            id: EntryId(ObjectId::from_bytes([0; 12])),
            prefix: Prefix::parse(prefix).unwrap(),
            spelling: None,
            created: Timestamp::default(),
            expires,
            usage: Usage::default(),
        })
    };
    Arc::new(AccessList::new(entries.iter().map(entry).collect()))
}

/// What was told of a request, in the order credential's entry, named entry.
type Told = Result<(Option<&'static str>, Option<&'static str>), Denial>;

/// One request against a key's list and a list named `office`, either of which may not exist.
struct Case {
    own: Option<&'static [&'static str]>,
    office: Option<&'static [&'static str]>,
    /// What an empty list of the key means; none: the route does not authenticate.
    credential: Option<EmptyList>,
    named: bool,
    client: &'static str,
    now: i64,
    told: Told,
}

impl Case {
    fn lists(&self) -> AccessLists {
        let mut lists = AccessLists::default();
        if let Some(own) = self.own {
            lists.put(KEY, list(own));
        }
        if let Some(office) = self.office {
            lists.put_named(ListName::from("office"), list(office));
        }
        lists
    }

    /// Runs the request, then checks what was told and that exactly the admitting entries counted it.
    fn check(&self, name: &str) {
        let lists = self.lists();
        let office = ListName::from("office");
        let admission = Admission {
            credential: self.credential.map(|empty| (KEY, empty)),
            named: self.named.then_some(&office),
        };
        let (client, now) = (client(self.client), at(self.now));
        let outcome = admit(&lists, admission, client, now);
        let text = |entry: Option<&Arc<Entry>>| entry.map(|entry| entry.prefix.to_string());
        let told = outcome.as_ref().map(|p| (text(p.entry()), text(p.named_entry())));
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let expected = self.told.map(|(own, named)| (owned(own), owned(named)));
        assert_eq!(told, expected.as_ref().map(Clone::clone).map_err(|denial| denial), "{name}");

        let mut counted: Vec<_> = lists.entries().filter(|e| e.usage.count() > 0).collect();
        for entry in &counted {
            assert_eq!(entry.usage.count(), 1, "{name}: counted once");
            assert_eq!(entry.usage.last(), Some(LastUse { at: now, from: client }), "{name}");
        }
        counted.sort_by_key(|entry| entry.prefix);
        let permitted = outcome.iter().flat_map(|p| p.entry().into_iter().chain(p.named_entry()));
        let mut permitted: Vec<_> = permitted.collect();
        permitted.sort_by_key(|entry| entry.prefix);
        let pointers = |entries: &[&Arc<Entry>]| -> Vec<_> {
            entries.iter().map(|entry| Arc::as_ptr(entry)).collect()
        };
        assert_eq!(pointers(&counted), pointers(&permitted), "{name}: who counted");
    }
}

/// A request at time 10 with a credential whose organization requires lists.
const REQUEST: Case = Case {
    own: None,
    office: None,
    credential: Some(EmptyList::AdmitsNobody),
    named: false,
    client: "10.1.2.3",
    now: 10,
    told: Err(Denial::NotListed),
};

const OPEN: Option<EmptyList> = Some(EmptyList::AdmitsAnybody);

#[test]
fn a_credential_s_list_decides_by_the_published_rules() {
    for (name, case) in [
        ("no list, lists required", Case { told: Err(Denial::ListRequired), ..REQUEST }),
        (
            "empty list, lists required",
            Case { own: Some(&[]), told: Err(Denial::ListRequired), ..REQUEST },
        ),
        ("no list, not required", Case { credential: OPEN, told: Ok((None, None)), ..REQUEST }),
        (
            "empty list, not required",
            Case { own: Some(&[]), credential: OPEN, told: Ok((None, None)), ..REQUEST },
        ),
        (
            "listed, lists required",
            Case { own: Some(&["10.0.0.0/8"]), told: Ok((Some("10.0.0.0/8"), None)), ..REQUEST },
        ),
        (
            "listed, not required",
            Case {
                own: Some(&["10.0.0.0/8"]),
                credential: OPEN,
                told: Ok((Some("10.0.0.0/8"), None)),
                ..REQUEST
            },
        ),
        ("not listed, lists required", Case { own: Some(&["192.0.2.0/24"]), ..REQUEST }),
        (
            "not listed, not required",
            Case { own: Some(&["192.0.2.0/24"]), credential: OPEN, ..REQUEST },
        ),
    ] {
        case.check(name);
    }
}

#[test]
fn the_longest_live_entry_admits_and_counts_alone() {
    const NESTED: &[&str] = &["10.0.0.0/8", "10.1.0.0/16 until 100", "10.1.2.0/24 until 50"];
    for (now, admitting) in [(49, "10.1.2.0/24"), (50, "10.1.0.0/16"), (100, "10.0.0.0/8")] {
        let told = Ok((Some(admitting), None));
        Case { own: Some(NESTED), now, told, ..REQUEST }.check(admitting);
    }
}

#[test]
fn a_list_whose_entries_have_expired_admits_nobody_even_where_none_is_required() {
    let expired: Option<&[&str]> = Some(&["10.0.0.0/8 until 10", "0.0.0.0/0 until 9"]);
    Case { own: expired, ..REQUEST }.check("required");
    Case { own: expired, credential: OPEN, ..REQUEST }.check("not required");
}

#[test]
fn a_named_list_has_to_admit_as_well() {
    let own: Option<&[&str]> = Some(&["10.0.0.0/8"]);
    let both = Case { own, named: true, ..REQUEST };
    let off_office = Err(Denial::NotOnNamedList);
    for (name, case) in [
        (
            "both admit",
            Case {
                office: Some(&["10.0.0.0/8", "10.1.2.3"]),
                told: Ok((Some("10.0.0.0/8"), Some("10.1.2.3/32"))),
                ..both
            },
        ),
        ("only the own admits", Case { office: Some(&["192.0.2.0/24"]), told: off_office, ..both }),
        (
            "the named entry has expired",
            Case { office: Some(&["10.0.0.0/8 until 10"]), told: off_office, ..both },
        ),
        ("the named list is empty", Case { office: Some(&[]), told: off_office, ..both }),
        ("there is no such list", Case { told: off_office, ..both }),
        (
            "only the named admits",
            Case { own: Some(&["192.0.2.0/24"]), office: Some(&["10.0.0.0/8"]), ..both },
        ),
        (
            "the own is required and empty",
            Case {
                own: None,
                office: Some(&["10.0.0.0/8"]),
                told: Err(Denial::ListRequired),
                ..both
            },
        ),
        (
            "the own may be empty",
            Case {
                own: None,
                credential: OPEN,
                office: Some(&["10.0.0.0/8"]),
                told: Ok((None, Some("10.0.0.0/8"))),
                ..both
            },
        ),
        (
            "the own may be empty and the named does not admit",
            Case { own: None, credential: OPEN, office: Some(&[]), told: off_office, ..both },
        ),
    ] {
        case.check(name);
    }
}

#[test]
fn without_a_credential_the_named_list_alone_decides() {
    let anonymous = Case { credential: None, named: true, ..REQUEST };
    let told = Ok((None, Some("10.0.0.0/8")));
    Case { office: Some(&["10.0.0.0/8"]), told, ..anonymous }.check("listed");
    let told = Err(Denial::NotOnNamedList);
    Case { office: Some(&["192.0.2.0/24"]), told, ..anonymous }.check("not listed");
    Case { own: Some(&["0.0.0.0/0"]), told, ..anonymous }.check("no such list");
}

#[test]
fn a_request_that_has_no_list_to_pass_is_refused() {
    let neither = Case { credential: None, named: false, ..REQUEST };
    Case { own: Some(&["0.0.0.0/0"]), office: Some(&["0.0.0.0/0"]), ..neither }.check("neither");
}

#[test]
fn a_credential_is_judged_by_its_own_list_only() {
    let mut lists = AccessLists::default();
    lists.put(OTHER_KEY, list(&["0.0.0.0/0"]));
    let admission = Admission { credential: Some((KEY, EmptyList::AdmitsNobody)), named: None };
    let outcome = admit(&lists, admission, client("10.1.2.3"), at(0));
    assert_eq!(outcome.unwrap_err(), Denial::ListRequired);
}

#[test]
fn a_permit_tells_whether_any_entry_vouches_for_the_address() {
    let office = ListName::from("office");
    let mut lists = AccessLists::default();
    lists.put_named(office.clone(), list(&["10.0.0.0/8"]));
    let credential = Some((KEY, EmptyList::AdmitsAnybody));
    for (named, unlisted) in [(None, true), (Some(&office), false)] {
        let admission = Admission { credential, named };
        let permit = admit(&lists, admission, client("10.1.2.3"), at(0)).unwrap();
        assert_eq!(permit.is_unlisted(), unlisted);
    }
}
