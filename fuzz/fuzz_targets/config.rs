//! No text makes the config's reader panic, every mistake has a place in the text, and what is accepted holds together.
//!
//! Input: the file. Lines that begin with `PORTCULLIS__` are environment variables, `NAME=value`, instead.

#![no_main]

use std::collections::HashSet;
use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use portcullis::config::{Config, ConfigErrors};
use portcullis::proxy::route::HostPattern;

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (variables, lines): (Vec<&str>, Vec<&str>) =
        input.split('\n').partition(|line| line.starts_with("PORTCULLIS__"));
    let text = lines.join("\n");
    let variables: Vec<(String, String)> = variables
        .iter()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match Config::parse("fuzz.toml", &text, variables.clone()) {
        Ok(config) => {
            holds_together(&config);
            let again = Config::parse("fuzz.toml", &(text + "\n# Nothing."), variables);
            assert_eq!(format!("{config:?}"), format!("{:?}", again.expect("as good as before")));
        }
        Err(errors) => is_readable(errors, &text),
    }
});

fn is_readable(errors: ConfigErrors, text: &str) {
    let lines = text.split('\n').count();
    assert!(errors.count() > 0);
    for error in &errors {
        assert!(!error.to_string().is_empty());
        match error.position() {
            Some(at) => assert!((1..=lines).contains(&at.line) && at.column >= 1),
            None => assert!(error.source_name().starts_with("PORTCULLIS__")),
        }
    }
    let kept = errors.iter().count();
    let omitted = usize::from(errors.count() > kept);
    assert_eq!(errors.to_string().lines().count(), kept + omitted, "a line for each mistake");
    assert!(!format!("{:?}", miette::Report::new(errors)).is_empty());
}

fn holds_together(config: &Config) {
    let proxy = &config.proxy;
    assert!(!proxy.listeners.is_empty() && proxy.workers > 0);
    let listeners = proxy.listeners.iter().map(|proxy| proxy.listener.listen);
    let all = listeners
        .chain([config.admin.listener.listen])
        .chain(config.metrics.as_ref().map(|metrics| metrics.listen));
    let fixed: Vec<SocketAddr> = all.filter(|address| address.port() != 0).collect();
    assert_eq!(fixed.iter().collect::<HashSet<_>>().len(), fixed.len());
    for route in &proxy.routes {
        assert!(proxy.upstreams.iter().any(|upstream| upstream.name == route.upstream));
        assert!(!route.schemes.is_empty() || route.list.is_some(), "a route without a guard");
        let mut lists = config.lists.iter();
        assert!(route.list.as_ref().is_none_or(|name| lists.any(|list| list.name == *name)));
        assert!(route.path.starts_with('/'));
        assert!(route.hosts.iter().all(|host| HostPattern::parse(host).is_ok()));
        assert!(!route.upgrades.iter().any(|token| token.eq_ignore_ascii_case("h2c")));
    }
}
