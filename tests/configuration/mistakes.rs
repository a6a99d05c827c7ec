//! What is refused, where it is said to be, and what is said to be expected.

use std::path::{Path, PathBuf};

use portcullis::identity::SchemeKind;
use portcullis::net::client_ip::AddressHeader;
use portcullis::proxy::route::Organizations;

use super::{assert_mistake, mistakes, parse, with, with_variables};

mod a_value {
    use super::*;

    #[test]
    fn that_is_none_of_its_key_s_is_told_with_its_place() {
        for (lines, mistake) in [
            (
                "[listeners.b]\nlisten = \"localhost:80\"",
                "8:10: key `listeners.b.listen`: found `\"localhost:80\"`, expected address:port, as in `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`",
            ),
            (
                "[upstreams.b]\nendpoint = \"app\"",
                "8:12: key `upstreams.b.endpoint`: found `\"app\"`, expected host:port, as in `127.0.0.1:9000`, `app.internal:80` or `[::1]:9000`",
            ),
            (
                "[upstreams.b]\nendpoint = \"app:80\"\nidle_timeout = 5",
                "9:16: key `upstreams.b.idle_timeout`: found `5`, expected a duration from \"1ms\" to \"24h\", its unit one of `ms`, `s`, `m`, `h`",
            ),
            (
                "[upstreams.b]\nendpoint = \"app:80\"\nconnect_timeout = \"0s\"",
                "9:19: key `upstreams.b.connect_timeout`: found `\"0s\"`, expected a duration from \"1ms\" to \"10m\", its unit one of `ms`, `s`, `m`, `h`",
            ),
            (
                "limits = { header_bytes = \"8191B\" }",
                "7:1: key `lists.office.limits`: unknown, expected `entries`",
            ),
            (
                "[limits]\nheader_bytes = \"8191B\"",
                "8:16: key `limits.header_bytes`: found `\"8191B\"`, expected a size from \"8KiB\" to \"1MiB\", its unit one of `B`, `KiB`, `MiB`, `GiB`",
            ),
            (
                "[limits]\nheaders = 1001",
                "8:11: key `limits.headers`: found `1001`, expected a whole number from 1 to 1000",
            ),
            (
                "[limits]\nh2_streams = -1",
                "8:14: key `limits.h2_streams`: found `-1`, expected a whole number from 1 to 10000",
            ),
            (
                "[limits]\nconnections = 1e3",
                "8:15: key `limits.connections`: found `1e3`, expected a whole number from 1 to 1000000",
            ),
            (
                "[workers]\ncount = 99999999999999999999",
                "8:9: key `workers.count`: found `99999999999999999999`, expected a whole number from 0 to 1024",
            ),
            (
                "[digest]\nalgorithms = []",
                "8:14: key `digest.algorithms`: found `[]`, expected a list of at least one of `MD5`, `SHA-256`",
            ),
            (
                "[digest]\nalgorithms = [\"MD5\", \"sha256\"]",
                "8:22: key `digest.algorithms[1]`: found `\"sha256\"`, expected one of `MD5`, `SHA-256`; did you mean `SHA-256`?",
            ),
            (
                "[limits]\nauth_failures = 10001",
                "8:17: key `limits.auth_failures`: found `10001`, expected a whole number from 0 to 10000",
            ),
            (
                "[limits]\nauth_failures_per_minute = 0",
                "8:28: key `limits.auth_failures_per_minute`: found `0`, expected a whole number from 1 to 1000",
            ),
            (
                "[oauth]\nsigning_key_lifetime = \"30m\"",
                "8:24: key `oauth.signing_key_lifetime`: found `\"30m\"`, expected a duration from \"1h\" to \"87600h\", its unit one of `ms`, `s`, `m`, `h`",
            ),
            (
                "[limits]\nservice_accounts_per_organization = 0",
                "8:37: key `limits.service_accounts_per_organization`: found `0`, expected a whole number from 1 to 1000000",
            ),
            (
                "[rate_limits]\ntoken = 10",
                "8:9: key `rate_limits.token`: found `10`, expected `off`, or a table, as in `{ capacity = 500, per_minute = 250 }`",
            ),
            (
                "[rate_limits]\ncaller = \"none\"",
                "8:10: key `rate_limits.caller`: found `\"none\"`, expected `off`, or a table, as in `{ capacity = 500, per_minute = 250 }`",
            ),
            (
                "[rate_limits]\norganization = { capacity = 0 }",
                "8:29: key `rate_limits.organization.capacity`: found `0`, expected a whole number from 1 to 100000",
            ),
            (
                "[rate_limits]\norganization_settings = { per_minute = 100001 }",
                "8:40: key `rate_limits.organization_settings.per_minute`: found `100001`, expected a whole number from 1 to 100000",
            ),
            (
                "[rate_limits]\norganisation = \"off\"",
                "8:1: key `rate_limits.organisation`: unknown, expected one of `caller`, `enabled`, `organization`, `organization_resources`, `organization_settings`, `token`; did you mean `organization`?",
            ),
            (
                "[bearer]\ntokens_cached = 0",
                "8:17: key `bearer.tokens_cached`: found `0`, expected a whole number from 16 to 1048576",
            ),
            (
                "[log]\nlevel = \"inof\"",
                "8:9: key `log.level`: found `\"inof\"`, expected a level, one of `error`, `warn`, `info`, `debug`, `trace`, `off`, or levels by part, as in `info,portcullis::proxy=debug`",
            ),
            (
                "[log]\naccess = \"stdot\"",
                "8:10: key `log.access`: found `\"stdot\"`, expected `stdout`, `off`, or the path of a file, as in `./access.log`",
            ),
            (
                "[log]\nformat = \"Text\"",
                "8:10: key `log.format`: found `\"Text\"`, expected one of `text`, `json`; did you mean `text`?",
            ),
            (
                "[store]\npath = \"\"",
                "8:8: key `store.path`: found `\"\"`, expected the path of a file",
            ),
            (
                "[admin]\ninsecure = \"yes\"",
                "8:12: key `admin.insecure`: found `\"yes\"`, expected `true` or `false`",
            ),
            (
                "[admin]\npublic_url = \"https://x/y\"",
                "8:14: key `admin.public_url`: found `\"https://x/y\"`, expected scheme and host without a path, as in `https://portcullis.example.com`",
            ),
            (
                "[lists.b]\nentries = [\"10.0.0.1/8\"]",
                "8:12: key `lists.b.entries[0]`: found `\"10.0.0.1/8\"`, expected `10.0.0.0/8`, or a longer prefix: bits behind it are set",
            ),
            (
                "[lists.b]\nentries = [{ prefix = \"10.0.0.0/8\", expires = 2027-01-01 }]",
                "8:47: key `lists.b.entries[0].expires`: found `2027-01-01`, expected a date and time with an offset, as in `2027-01-01T00:00:00Z`",
            ),
            (
                "[lists.b]\nentries = [\n  \"10.0.0.0/8\",\n  { prefix = \"10.0.0.0/8\" },\n]",
                "10:3: key `lists.b.entries[1]`: found `{ prefix = \"10.0.0.0/8\" }`, expected each value once; it is the same as `lists.b.entries[0]`",
            ),
        ] {
            assert_mistake(lines, mistake);
        }
    }

    #[test]
    fn that_is_no_table_is_one_mistake_whatever_it_should_hold() {
        for (lines, mistake) in [
            ("[routes]\na = 5", "8:5: key `routes.a`: found `5`, expected a table"),
            (
                "[[routes]]\nupstream = \"app\"",
                "7:1: key `routes`: found `[[routes]]`, expected tables with names of their own, `[routes.NAME]`",
            ),
            (
                "[lists.b]\nentries = \"10.0.0.0/8\"",
                "8:11: key `lists.b.entries`: found `\"10.0.0.0/8\"`, expected a list of addresses and ranges, as in `[\"192.0.2.7\", \"10.0.0.0/8\"]`",
            ),
        ] {
            assert_mistake(lines, mistake);
        }
    }

    #[test]
    fn is_quoted_on_one_line_without_control_characters_and_not_at_length() {
        let errors = parse(&with("[log]\nformat = \"\"\"a\n\u{85}b\tc\"\"\"\n")).unwrap_err();
        let found = errors.iter().next().unwrap().found();
        assert_eq!(found.as_deref(), Some("\"\"\"a b c\"\"\""));
        let long = format!("[log]\nformat = \"{}\"", "x".repeat(500));
        let found = parse(&with(&long)).unwrap_err().iter().next().unwrap().found().unwrap();
        assert_eq!(found.chars().count(), 81);
        let escape = with_variables("", &[("PORTCULLIS__LOG__FORMAT", "\u{1b}[31m")]).unwrap_err();
        assert!(!escape.to_string().contains('\u{1b}'));
    }
}

mod a_key {
    use super::*;

    #[test]
    fn that_nobody_knows_is_a_mistake_and_the_one_that_was_meant_is_not_missing_too() {
        for (lines, mistake) in [
            (
                "[listeners.b]\nlisen = \"127.0.0.1:0\"",
                "8:1: key `listeners.b.lisen`: unknown, expected one of `client_address_header`, `listen`, `proxy_protocol`, `proxy_protocol_peers`, `tls`, `trusted_proxies`; did you mean `listen`?",
            ),
            (
                "[usag]\nflush_interval = \"5s\"",
                "7:2: key `usag`: unknown, expected one of `admin`, `bearer`, `client_cert`, `digest`, `limits`, `listeners`, `lists`, `log`, `metrics`, `oauth`, `rate_limits`, `routes`, `store`, `upstreams`, `usage`, `workers`; did you mean `usage`?",
            ),
            (
                "[lists.b]\nentries = [{ prefix = \"10.0.0.0/8\", comment = \"x\" }]",
                "8:37: key `lists.b.entries[0].comment`: unknown, expected one of `expires`, `prefix`",
            ),
        ] {
            assert_mistake(lines, mistake);
        }
    }

    #[test]
    fn that_is_required_is_missed_where_it_should_stand() {
        for (lines, mistake) in [
            (
                "[listeners.b]",
                "7:1: key `listeners.b.listen`: missing, expected address:port, as in `0.0.0.0:8080`",
            ),
            (
                "[upstreams.b]",
                "7:1: key `upstreams.b.endpoint`: missing, expected host:port, as in `127.0.0.1:9000`, `app.internal:80` or `[::1]:9000`",
            ),
            (
                "[lists.b]",
                "7:1: key `lists.b.entries`: missing, expected a list of addresses and ranges, as in `[\"192.0.2.7\", \"10.0.0.0/8\"]`",
            ),
            (
                "[routes.a]\norganizations = [\"*\"]",
                "7:1: key `routes.a.upstream`: missing, expected the name of an upstream, `app`",
            ),
            (
                "[routes.a]\nupstream = \"app\"",
                "7:1: key `routes.a.organizations`: missing, expected a list of at least one organization's id, or `[\"*\"]` for every organization",
            ),
        ] {
            assert_mistake(lines, mistake);
        }
        let nothing = parse("").unwrap_err().to_string();
        assert_eq!(
            nothing,
            "t:1:1: key `listeners`: missing, expected at least one, as in `[listeners.main]`"
        );
    }

    #[test]
    fn that_names_a_table_keeps_to_what_metrics_and_variables_carry() {
        for name in ["B", "a b", "", "-a", "a-", "a__b", "ä", "a.b"] {
            let errors = mistakes(&format!("[upstreams.\"{name}\"]\nendpoint = \"app:80\""));
            assert_eq!(errors.len(), 1, "{name}: {errors:?}");
            assert!(errors[0].starts_with("t:7:12: "), "{errors:?}");
        }
        assert_mistake(
            "[upstreams.a-b]\nendpoint = \"a:1\"\n[upstreams.a_b]\nendpoint = \"a:1\"",
            "9:12: key `upstreams.a_b`: found `a_b`, expected a name that differs from `a-b` in more than `-` and `_`, which are one in an environment variable",
        );
    }
}

mod a_listener {
    use super::*;

    #[test]
    fn has_an_address_of_its_own() {
        for (lines, mistake) in [
            (
                "[listeners.b]\nlisten = \"127.0.0.1:8080\"",
                "8:10: key `listeners.b.listen`: found `\"127.0.0.1:8080\"`, expected an address of its own; `listeners.main.listen` listens on 127.0.0.1:8080",
            ),
            (
                "[listeners.b]\nlisten = \"0.0.0.0:8080\"",
                "8:10: key `listeners.b.listen`: found `\"0.0.0.0:8080\"`, expected an address of its own; `listeners.main.listen` listens on 127.0.0.1:8080",
            ),
            (
                "[metrics]\nlisten = \"127.0.0.1:8081\"",
                "8:10: key `metrics.listen`: found `\"127.0.0.1:8081\"`, expected an address of its own; `admin.listen` listens on 127.0.0.1:8081",
            ),
            (
                "[listeners.b]\nlisten = \"127.0.0.1:8081\"",
                "1:1: key `admin.listen`: missing, expected an address of its own; `listeners.b.listen` listens on 127.0.0.1:8081, and the default is 127.0.0.1:8081",
            ),
        ] {
            assert_mistake(lines, mistake);
        }
        for free in
            ["127.0.0.1:0\"\n[listeners.c]\nlisten = \"127.0.0.1:0", "[::1]:8080", "127.0.0.2:8080"]
        {
            assert_eq!(mistakes(&format!("[listeners.b]\nlisten = \"{free}\"")), [""; 0], "{free}");
        }
    }

    #[test]
    fn has_a_name_that_the_program_s_own_do_not_have() {
        assert_mistake(
            "[listeners.admin]\nlisten = \"127.0.0.1:0\"",
            "7:1: key `listeners.admin`: found `[listeners.admin]`, expected another name: this one is that of a listener of the program's own",
        );
    }

    #[test]
    fn reads_a_header_from_named_proxies_only() {
        let listener = "[listeners.b]\nlisten = \"127.0.0.1:0\"\n";
        for (lines, mistake) in [
            (
                "client_address_header = \"x-forwarded-for\"",
                "7:1: key `listeners.b.trusted_proxies`: missing, expected the ranges of the proxies whose `client_address_header` is believed, as in `[\"10.0.0.0/8\"]`",
            ),
            (
                "trusted_proxies = [\"10.0.0.0/8\"]",
                "7:1: key `listeners.b.client_address_header`: missing, expected the header that `trusted_proxies` write: `x-forwarded-for`, `forwarded`, or one that holds one address",
            ),
            (
                "client_address_header = \"forwarded\"\ntrusted_proxies = [\"0.0.0.0/0\"]",
                "10:20: key `listeners.b.trusted_proxies[0]`: found `\"0.0.0.0/0\"`, expected the ranges of your proxies; with all addresses trusted, any client could choose its own",
            ),
            (
                "client_address_header = \"Host\"\ntrusted_proxies = [\"10.0.0.0/8\"]",
                "9:25: key `listeners.b.client_address_header`: found `\"Host\"`, expected a header that holds an address; this one has another meaning",
            ),
        ] {
            assert_mistake(&format!("{listener}{lines}"), mistake);
        }
        let lines = "client_address_header = \"X-Real-IP\"\ntrusted_proxies = [\"10.0.0.0/8\"]";
        let config = parse(&with(&format!("{listener}{lines}"))).unwrap();
        let client_ip = &config.proxy.listeners[1].client_ip;
        assert_eq!(client_ip.header, AddressHeader::Single("x-real-ip".parse().unwrap()));
        assert_eq!(
            client_ip.trusted_proxies,
            ["10.0.0.0/8"].map(|text| portcullis::addr::Prefix::parse(text).unwrap())
        );
    }

    #[test]
    fn of_the_admin_api_leaves_the_host_only_when_told_to_be_insecure() {
        assert_mistake(
            "[admin]\nlisten = \"0.0.0.0:8081\"",
            "8:10: key `admin.listen`: found `\"0.0.0.0:8081\"`, expected a loopback address, as in `127.0.0.1:8081`, or `[admin.tls]`, or `insecure = true`: credentials and lists would cross the network in plain text",
        );
        for lines in [
            "listen = \"0.0.0.0:8081\"\ninsecure = true",
            "listen = \"[::1]:8081\"",
            "listen = \"[::ffff:127.0.0.1]:8081\"",
        ] {
            assert_eq!(mistakes(&format!("[admin]\n{lines}")), [""; 0], "{lines}");
        }
    }
}

mod the_operator_s_socket {
    use super::*;

    const EXPECTED: &str = "expected `off`, or the path of a socket, as in `./portcullis.sock`: 95 bytes at most, its directory included";

    fn socket(lines: &str) -> Option<PathBuf> {
        parse(&with(lines)).unwrap().local.map(|settings| settings.socket)
    }

    #[test]
    fn stands_beside_the_database_under_its_name_unless_it_is_told_otherwise() {
        for (lines, expected) in [
            ("", Some("portcullis.sock")),
            ("[store]\npath = \"/var/lib/p/first.db\"", Some("/var/lib/p/first.sock")),
            ("[admin]\nsocket = \"run/p.sock\"", Some("run/p.sock")),
            ("[admin]\nsocket = \"/run/p\"", Some("/run/p")),
            ("[admin]\nsocket = \"off\"", None),
        ] {
            assert_eq!(socket(lines).as_deref(), expected.map(Path::new), "{lines}");
        }
    }

    #[test]
    fn has_a_path_that_a_socket_can_have() {
        let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
        let at = |path: &str| format!("[admin]\nsocket = \"{path}\"");
        assert_eq!(socket(&at(&path(95))), Some(PathBuf::from(path(95))));
        for wrong in ["of", "", &path(96)] {
            let [mistake] = &mistakes(&at(wrong))[..] else { panic!("{wrong}") };
            assert!(mistake.starts_with("t:8:10: key `admin.socket`: found `\""), "{mistake}");
            assert!(mistake.ends_with(EXPECTED), "{mistake}");
        }
        let database = path(96);
        let [mistake] = &mistakes(&format!("[store]\npath = \"{database}\""))[..] else {
            panic!("{database}")
        };
        let default =
            format!("key `admin.socket`: missing, {EXPECTED}; the default is {database}.sock");
        assert!(mistake.ends_with(&default), "{mistake}");
        let off = format!("[store]\npath = \"{database}\"\n[admin]\nsocket = \"off\"");
        assert_eq!(mistakes(&off), [""; 0]);
    }

    #[test]
    fn is_no_file_of_the_store() {
        assert_mistake(
            "[admin]\nsocket = \"./p.db\"\n[store]\npath = \"./p.db\"",
            "8:10: key `admin.socket`: found `\"./p.db\"`, expected another file than that of `store.path`",
        );
    }
}

mod a_route {
    use super::*;

    fn route(lines: &str) -> String {
        format!("[routes.a]\nupstream = \"app\"\n{lines}")
    }

    #[test]
    fn says_whom_it_serves_and_nothing_that_has_no_effect() {
        for (lines, mistake) in [
            (
                "schemes = []",
                "7:1: key `routes.a.list`: missing, expected the name of a list: without schemes, addresses are all a route can go by",
            ),
            (
                "schemes = []\nlist = \"office\"\norganizations = [\"*\"]",
                "11:17: key `routes.a.organizations`: found `[\"*\"]`, expected nothing: without `schemes`, a route knows no organization and no role",
            ),
            (
                "schemes = []\nlist = \"office\"\nroles = [\"ORG_OWNER\"]",
                "11:9: key `routes.a.roles`: found `[\"ORG_OWNER\"]`, expected nothing: without `schemes`, a route knows no organization and no role",
            ),
            (
                "schemes = []\nlist = \"office\"\norganizations = [\"x\"]",
                "11:18: key `routes.a.organizations[0]`: found `\"x\"`, expected the id of an organization, 24 lower-case hexadecimal digits, or `*` alone",
            ),
            (
                "organizations = []",
                "9:17: key `routes.a.organizations`: found `[]`, expected a list of at least one organization's id, or `[\"*\"]` for every organization",
            ),
            (
                "organizations = [\"*\", \"32b6e34b3d91647abb20e7b8\"]",
                "9:17: key `routes.a.organizations`: found `[\"*\", \"32b6e34b3d91647abb20e7b8\"]`, expected a list of at least one organization's id, or `[\"*\"]` for every organization",
            ),
            (
                "organizations = [\"32B6E34B3D91647ABB20E7B8\"]",
                "9:18: key `routes.a.organizations[0]`: found `\"32B6E34B3D91647ABB20E7B8\"`, expected the id of an organization, 24 lower-case hexadecimal digits, or `*` alone",
            ),
            (
                "organizations = [\"*\"]\nroles = [\"ORG_READONLY\"]",
                "10:10: key `routes.a.roles[0]`: found `\"ORG_READONLY\"`, expected one of `ORG_OWNER`, `ORG_MEMBER`, `ORG_GROUP_CREATOR`, `ORG_BILLING_ADMIN`, `ORG_BILLING_READ_ONLY`, `ORG_STREAM_PROCESSING_ADMIN`, `ORG_READ_ONLY`; did you mean `ORG_READ_ONLY`?",
            ),
            (
                "schemes = [\"basic\"]",
                "9:12: key `routes.a.schemes[0]`: found `\"basic\"`, expected one of `digest`, `bearer`, `client_cert`",
            ),
        ] {
            assert_mistake(&route(lines), mistake);
        }
    }

    #[test]
    fn refers_to_what_is_there() {
        for (lines, mistake) in [
            (
                "upstream = \"ap\"",
                "9:12: key `routes.a.upstream`: found `\"ap\"`, expected the name of an upstream, `app`; did you mean `app`?",
            ),
            (
                "upstream = \"app\"\nlist = \"home\"",
                "10:8: key `routes.a.list`: found `\"home\"`, expected the name of a list, `office`",
            ),
        ] {
            assert_mistake(&format!("[routes.a]\norganizations = [\"*\"]\n{lines}"), mistake);
        }
    }

    #[test]
    fn may_refer_to_what_is_there_with_a_mistake_of_its_own() {
        let lines = "[upstreams.b]\nendpoint = \"b\"\n[routes.a]\nupstream = \"b\"\norganizations = [\"*\"]";
        assert_eq!(mistakes(lines).len(), 1);
    }

    #[test]
    fn has_a_host_and_a_path_of_its_own() {
        let two = |first: &str, second: &str| {
            let common = "upstream = \"app\"\norganizations = [\"*\"]\n";
            format!("[routes.a]\n{common}{first}\n[routes.b]\n{common}{second}")
        };
        for (first, second, mistake) in [
            (
                "",
                "",
                "11:1: key `routes.b.path`: missing, expected a host or a path of its own; `routes.a` serves every host on `/`",
            ),
            (
                "path = \"/x\"",
                "path = \"/x\"",
                "14:8: key `routes.b.path`: found `\"/x\"`, expected a host or a path of its own; `routes.a` serves every host on `/x`",
            ),
            (
                "hosts = [\"a.example\", \"b.example\"]",
                "hosts = [\"c.example\", \"B.example\"]",
                "14:23: key `routes.b.hosts[1]`: found `\"B.example\"`, expected a host that `routes.a` does not serve on the same path, `/`",
            ),
        ] {
            assert_mistake(&two(first, second), mistake);
        }
        for (first, second) in [
            ("", "hosts = [\"a.example\"]"),
            ("hosts = [\"a.example\"]", "hosts = [\"*.example\"]"),
            ("hosts = [\"a.example\"]", "hosts = [\"a.example\"]\npath = \"/x\""),
        ] {
            assert_eq!(mistakes(&two(first, second)), [""; 0], "{first} {second}");
        }
    }

    #[test]
    fn has_hosts_paths_and_upgrades_that_can_be_meant() {
        for (lines, mistake) in [
            (
                "hosts = []",
                "10:9: key `routes.a.hosts`: found `[]`, expected a list of at least one host, as in `[\"api.example.com\", \"*.example.org\"]`",
            ),
            (
                "hosts = [\"*\"]",
                "10:10: key `routes.a.hosts[0]`: found `\"*\"`, expected a host, as in `api.example.com`, `api.example.com:8443` or `*.example.com`; without `hosts`, a route serves every host",
            ),
            (
                "path = \"api\"",
                "10:8: key `routes.a.path`: found `\"api\"`, expected a path that begins with `/`",
            ),
            (
                "path = \"/api/\"",
                "10:8: key `routes.a.path`: found `\"/api/\"`, expected a path without `/` at its end; a prefix holds what is below it",
            ),
            (
                "path = \"/a/../b\"",
                "10:8: key `routes.a.path`: found `\"/a/../b\"`, expected a path without the segments `.` and `..`",
            ),
            (
                "path = \"/a//b\"",
                "10:8: key `routes.a.path`: found `\"/a//b\"`, expected a path without `//`",
            ),
            (
                "path = \"/a%2fb\"",
                "10:8: key `routes.a.path`: found `\"/a%2fb\"`, expected a path without `%`: prefixes are compared with the path as it is sent",
            ),
            (
                "upgrades = [\"websocket\", \"h2c\"]",
                "10:26: key `routes.a.upgrades[1]`: found `\"h2c\"`, expected a protocol that can't carry further requests past the gateway",
            ),
            (
                "path_forms = [\"encoded_slash\"]",
                "10:15: key `routes.a.path_forms[0]`: found `\"encoded_slash\"`, expected one of `dot-segments`, `empty-segments`, `backslash`, `encoded-slash`, `encoded-backslash`, `encoded-nul`, `broken-escapes`; did you mean `encoded-slash`?",
            ),
        ] {
            assert_mistake(&route(&format!("organizations = [\"*\"]\n{lines}")), mistake);
        }
    }

    #[test]
    fn without_schemes_is_open_to_nobody_s_credential() {
        let config = parse(&with(&route("schemes = []\nlist = \"office\""))).unwrap();
        let route = &config.proxy.routes[0];
        assert_eq!(route.schemes, []);
        assert_eq!(route.organizations, Organizations::Only(Vec::new()));
        assert_eq!(route.list.as_ref().unwrap().as_str(), "office");
    }

    #[test]
    fn authenticates_unless_it_says_otherwise() {
        let config =
            parse(&with(&route("organizations = [\"32b6e34b3d91647abb20e7b8\"]"))).unwrap();
        let route = &config.proxy.routes[0];
        assert_eq!(route.schemes, [SchemeKind::Digest, SchemeKind::Bearer]);
        let id = "32b6e34b3d91647abb20e7b8".parse().unwrap();
        assert_eq!(route.organizations, Organizations::Only(vec![id]));
    }
}
