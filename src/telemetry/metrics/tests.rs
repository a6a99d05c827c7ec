use std::time::Duration;

use http::{Method, StatusCode};

use super::*;

/// Metrics with one name of each kind in use.
fn metrics() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.route("api").finished(&Method::GET, StatusCode::OK, Duration::from_millis(3));
    metrics.listener("edge");
    metrics.tls("edge").certificate("api.pem", 1);
    metrics.upstream("echo");
    metrics
}

/// A line for each family of ours: name, type, and its labels with their values in brackets.
fn families(metrics: &Metrics) -> String {
    let mut lines = Vec::new();
    for family in metrics.registry.gather() {
        if family.name().starts_with("process_") {
            continue;
        }
        let mut labels: Vec<(String, Vec<String>)> = Vec::new();
        for pair in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
            let (name, value) = (pair.name().to_owned(), pair.value().to_owned());
            match labels.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => labels.push((name, vec![value])),
            }
        }
        let labels: Vec<_> = labels
            .into_iter()
            .map(|(name, values)| format!(" {name}=[{}]", values.join(" ")))
            .collect();
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        lines.push(format!("{} {kind}{}", family.name(), labels.concat()));
    }
    lines.join("\n").replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// Says that each line is in the rendered text.
fn assert_lines<'a>(metrics: &Metrics, lines: impl IntoIterator<Item = &'a str>) {
    let text = metrics.render();
    for line in lines {
        assert!(text.lines().any(|l| l == line), "{line} is missing from\n{text}");
    }
}

#[test]
fn every_family_has_the_name_type_and_labels_that_dashboards_rely_on() {
    insta::assert_snapshot!(families(&metrics()), @r"
        portcullis_accept_errors_total counter listener=[edge]
        portcullis_access_decisions_total counter decision=[admitted refused unlisted] reason=[none auth_failures client_address client_certificate credential_missing credential_refused list_required malformed method misdirected no_route not_listed not_on_named_list organization role] route=[api]
        portcullis_access_list_entries gauge kind=[credential named]
        portcullis_access_log_dropped_total counter
        portcullis_admin_rate_limited_total counter bucket=[caller organization organization_resources organization_settings token]
        portcullis_auth_total counter outcome=[expired_token foreign_token limited malformed not_presented other replayed revoked_token secret_gone stale_nonce unknown_account unknown_key unknown_signing_key unsupported verified wrong_realm wrong_response wrong_secret wrong_signature wrong_target] scheme=[bearer client_cert client_secret digest other]
        portcullis_build_info gauge version=[VERSION]
        portcullis_connections gauge listener=[edge]
        portcullis_connections_accepted_total counter listener=[edge]
        portcullis_connections_closed_total counter listener=[edge] reason=[drain error finished handshake handshake_timeout header_timeout idle_timeout limit malformed proxy_protocol stall_timeout]
        portcullis_publish_duration_seconds histogram
        portcullis_request_duration_seconds histogram route=[api]
        portcullis_requests_in_flight gauge route=[api]
        portcullis_requests_total counter code=[200] method=[GET] route=[api]
        portcullis_snapshot_revision gauge
        portcullis_tls_cert_not_after_seconds gauge certificate=[api.pem] listener=[edge]
        portcullis_tls_certificate_reloads_total counter listener=[edge] outcome=[loaded refused]
        portcullis_tls_handshakes_total counter listener=[edge] outcome=[alert broken_off client_certificate closed failed full malformed not_tls parameters protocol resumed timeout version]
        portcullis_tls_sessions_total counter group=[X25519 X25519MLKEM768 none other secp256r1 secp384r1] listener=[edge] version=[1.2 1.3]
        portcullis_upstream_connections gauge upstream=[echo]
        portcullis_upstream_connects_total counter outcome=[error ok refused resolve timeout] upstream=[echo]
        portcullis_upstream_failures_total counter reason=[connect first_byte_timeout idle_timeout protocol reset] upstream=[echo]
        portcullis_upstream_requests_in_flight gauge upstream=[echo]
        portcullis_upstream_response_head_seconds histogram upstream=[echo]
        portcullis_usage_flush_failures_total counter
        portcullis_usage_unflushed gauge
    ");
}

#[test]
fn rendered_text_shows_counts_under_their_labels() {
    assert_lines(
        &metrics(),
        [
            r#"portcullis_requests_total{code="200",method="GET",route="api"} 1"#,
            r#"portcullis_request_duration_seconds_bucket{route="api",le="0.0025"} 0"#,
            r#"portcullis_request_duration_seconds_bucket{route="api",le="0.005"} 1"#,
            r#"portcullis_access_decisions_total{decision="refused",reason="not_listed",route="api"} 0"#,
            r#"portcullis_connections{listener="edge"} 0"#,
            "# TYPE portcullis_request_duration_seconds histogram",
            "# TYPE portcullis_build_info gauge",
        ],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_tells_its_memory_and_descriptors() {
    let text = Metrics::new().unwrap().render();
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing from\n{text}");
    }
}

#[test]
fn a_method_or_code_out_of_the_ordinary_makes_no_series_of_its_own() {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("api");
    for token in ["BREW", "PROPFIND", "X-1"] {
        let method = Method::from_bytes(token.as_bytes()).unwrap();
        route.finished(&method, StatusCode::from_u16(718).unwrap(), Duration::ZERO);
    }
    assert_lines(
        &metrics,
        [r#"portcullis_requests_total{code="other",method="other",route="api"} 3"#],
    );
}

#[test]
fn two_workers_count_into_the_same_series() {
    let metrics = Metrics::new().unwrap();
    let workers = [metrics.route("api"), metrics.route("api")];
    for worker in &workers {
        worker.finished(&Method::PUT, StatusCode::FORBIDDEN, Duration::ZERO);
        worker.decided(Decision::Refused(RefusedReason::NotListed));
        worker.in_flight().inc();
    }
    assert_lines(
        &metrics,
        [
            r#"portcullis_requests_total{code="403",method="PUT",route="api"} 2"#,
            r#"portcullis_access_decisions_total{decision="refused",reason="not_listed",route="api"} 2"#,
            r#"portcullis_requests_in_flight{route="api"} 2"#,
            r#"portcullis_request_duration_seconds_count{route="api"} 2"#,
        ],
    );
}

#[test]
fn every_decision_is_counted_under_its_own_labels() {
    let metrics = Metrics::new().unwrap();
    let route = metrics.route("api");
    for decision in Decision::ALL {
        route.decided(decision);
    }
    let lines = Decision::ALL.map(|decision| {
        let (decision, reason) = (decision.label(), decision.reason());
        format!(r#"portcullis_access_decisions_total{{decision="{decision}",reason="{reason}",route="api"}} 1"#)
    });
    assert_lines(&metrics, lines.iter().map(String::as_str));
}

#[test]
fn every_reason_of_a_listener_or_an_upstream_is_counted_under_its_own_label() {
    let metrics = Metrics::new().unwrap();
    let (listener, upstream) = (metrics.listener("edge"), metrics.upstream("echo"));
    CloseReason::ALL.iter().for_each(|reason| listener.closed(*reason));
    ConnectOutcome::ALL.iter().for_each(|outcome| upstream.connected(*outcome));
    UpstreamFailure::ALL.iter().for_each(|reason| upstream.failed(*reason));
    let text = metrics.render();
    for (family, values) in [
        ("portcullis_connections_closed_total", CloseReason::ALL.len()),
        ("portcullis_upstream_connects_total", ConnectOutcome::ALL.len()),
        ("portcullis_upstream_failures_total", UpstreamFailure::ALL.len()),
    ] {
        let ones = text.lines().filter(|l| l.starts_with(family) && l.ends_with("} 1")).count();
        assert_eq!(ones, values, "{family} in\n{text}");
    }
}

#[test]
fn an_outcome_nobody_listed_counts_as_other() {
    let metrics = Metrics::new().unwrap();
    metrics.auth("digest", "verified");
    metrics.auth("digest", "unheard_of");
    metrics.auth("carrier_pigeon", "verified");
    assert_lines(
        &metrics,
        [
            r#"portcullis_auth_total{outcome="verified",scheme="digest"} 1"#,
            r#"portcullis_auth_total{outcome="other",scheme="digest"} 1"#,
            r#"portcullis_auth_total{outcome="other",scheme="other"} 1"#,
        ],
    );
}
