//! The certificates of a listener, and which of them a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;

use super::certificate::Certificate;

/// Certificates by the names that they serve. Immutable: a new one makes a new set.
#[derive(Debug)]
pub(super) struct Certificates {
    all: Vec<Arc<Certificate>>,
    exact: Index,
    wildcards: Index,
}

/// The certificates of a name, as places in the list of all, in its order: a host may have one for each kind of key.
type Index = HashMap<Box<str>, Vec<usize>>;

impl Certificates {
    /// A set of at least one.
    pub(super) fn new(all: Vec<Arc<Certificate>>) -> Self {
        let (mut exact, mut wildcards) = (Index::new(), Index::new());
        for (at, certificate) in all.iter().enumerate() {
            let names = certificate.names();
            for (list, index) in [(&names.exact, &mut exact), (&names.wildcards, &mut wildcards)] {
                for name in list {
                    index.entry(name.clone()).or_default().push(at);
                }
            }
        }
        Self { all, exact, wildcards }
    }

    /// The certificate for a client that names the host `name`, in lower case, and understands signatures by `schemes`: a whole
    /// name before a wildcard, and the first of all where neither is there. None: the set is empty.
    pub(super) fn find(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<&Arc<Certificate>> {
        let exact = || self.exact.get(name?);
        let wildcard = || self.wildcards.get(name?.split_once('.')?.1);
        match exact().or_else(wildcard) {
            None => self.all.first(),
            Some(served) => {
                let served = || served.iter().filter_map(|at| self.all.get(*at));
                // Where none will do, the library says so to the client.
                served()
                    .find(|certificate| certificate.can_sign(schemes))
                    .or_else(|| served().next())
            }
        }
    }
}
