//! Section 5, the path segment of GET-one and DELETE-one: which entry a path means.

use super::*;

/// The segment means the entry of that range and no other: it is shown, removed, and gone.
fn means(segment: &str, range: &str) {
    let (gateway, list) = with_list(&[]);
    let key = list.split('/').rev().nth(1).unwrap();
    add(&gateway, &list, &json!([{ "cidrBlock": range }, { "ipAddress": "192.0.2.99" }]));
    let target = format!("{list}/{segment}");
    let entry = accepted(&call(&gateway, "GET", &target).send(), segment);
    assert_eq!(entry["cidrBlock"], range);
    let own = accepted(&follow(&gateway, link(&entry, "self").unwrap()), segment);
    assert_eq!(own, entry, "its link leads to it");
    gone(&call(&gateway, "DELETE", &target).send(), V2023_TYPE, segment);
    assert_eq!(stored(&gateway, &list), ["192.0.2.99/32"], "that one and no other");
    let address = range.strip_suffix("/32").filter(|text| !text.contains("::"));
    let address = address.or(range.strip_suffix("/128")).unwrap_or(range);
    for method in ["GET", "DELETE"] {
        let answer = call(&gateway, method, &target).send();
        let problem = refused(&answer, 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", segment);
        assert_eq!(problem["parameters"], json!([address, key]), "{method}");
        tells(&problem, &[address, key], segment);
    }
}

/// The segment cannot be read; nothing is removed.
fn is_400(segment: &str) {
    let (gateway, list) = with_list(&["127.0.0.1"]);
    for method in ["GET", "DELETE"] {
        let answer = call(&gateway, method, &format!("{list}/{segment}")).send();
        let problem = refused(&answer, 400, "PATH_PARAM_PARSE_ERROR", segment);
        assert_eq!(problem["parameters"].as_array().unwrap().len(), 1, "the path");
        tells(&problem, &["ipAddress", "expected"], segment);
    }
    assert_eq!(stored(&gateway, &list), ["127.0.0.1/32"]);
}

table! { means;
    //= 5: 203.0.113.10 | Terraform
    r31_a_bare_address_means_the_32_entry("203.0.113.10", "203.0.113.10/32");
    //= 5: 198.51.100.0%2F24
    r32_percent_2f_24_means_the_24_entry("198.51.100.0%2F24", "198.51.100.0/24");
    //= 5: 198.51.100.0%2F24
    r32_percent_2f_in_small_letters("198.51.100.0%2f24", "198.51.100.0/24");
    //= 5: 198.51.100.0%2F24
    r32_percent_2f_0_means_everything("0.0.0.0%2F0", "0.0.0.0/0");
    //= 5: 203.0.113.10%2F32
    r33_percent_2f_32_means_the_32_entry("203.0.113.10%2F32", "203.0.113.10/32");
    //= 5: 198.51.100.0/24 with a real slash
    r34_a_real_slash_is_accepted_as_two_segments("198.51.100.0/24", "198.51.100.0/24");
    //= 5: 198.51.100.0/24 with a real slash
    r34_a_real_slash_before_32("203.0.113.10/32", "203.0.113.10/32");
    //= 5: 198.51.100.0/24 with a real slash
    r34_a_real_slash_in_ipv6("2001:db8::/32", "2001:db8::/32");
    //= 5: 198.51.100.0/24 with a real slash
    r34_a_real_slash_and_a_final_one("198.51.100.0/24/", "198.51.100.0/24");
    //= 5: 2001:db8::1 etc.
    r36_ipv6_compressed_is_accepted("2001:db8::1", "2001:db8::1/128");
    //= 5: 2001:db8::1 etc.
    r36_ipv6_with_escaped_colons("2001%3Adb8%3A%3A1", "2001:db8::1/128");
    //= 5: 2001:db8::1 etc.
    r36_ipv6_the_range_is_compared_not_the_text("2001:0DB8:0:0:0:0:0:1%2F128", "2001:db8::1/128");
    //= 5: 2001:db8::1 etc.
    r36_ipv6_range("2001:db8::%2F32", "2001:db8::/32");
    //= 5: Match the route on the raw path
    r37_segments_are_decoded_after_splitting("203%2E0.113.%31%30", "203.0.113.10/32");
    //= 5: Match the route on the raw path
    r37_a_final_slash_is_not_part_of_the_segment("198.51.100.0%2F24/", "198.51.100.0/24");
}

table! { is_400;
    //= 5: 198.51.100.0%252F24
    r35_percent_252f_is_400_path_param_parse_error("198.51.100.0%252F24");
    //= 5: 198.51.100.0%252F24
    r35_percent_252f_32_is_400("203.0.113.10%252F32");
    //= 5: Match the route on the raw path
    r37_host_bits_are_400("203.0.113.9%2F24");
    //= 5: Match the route on the raw path
    r37_no_address_is_400("localhost");
    //= 5: Match the route on the raw path
    r37_a_part_over_255_is_400("256.1.1.1");
    //= 5: Match the route on the raw path
    r37_mapped_ipv4_is_400("::ffff:127.0.0.1");
    //= 5: Match the route on the raw path
    r37_a_broken_escape_is_400("127.0.0.1%2");
    //= 5: Match the route on the raw path
    r37_no_utf_8_is_400("127.0.0.1%FF");
    //= 5: Match the route on the raw path
    r37_a_nul_is_400("127.0.0.1%00");
    //= 5: Match the route on the raw path
    r37_two_prefixes_are_400("10.0.0.0%2F8/8");
    //= 5: Match the route on the raw path
    r37_dots_are_400("../127.0.0.1");
}

//= 5: Match the route on the raw path
#[test]
fn r37_a_range_is_not_found_by_a_part_of_it_or_by_one_around_it() {
    let (gateway, list) = with_list(&["198.51.100.0/24"]);
    for segment in ["198.51.100.0", "198.51.100.7", "198.51.100.0%2F25", "198.51.0.0%2F16"] {
        for method in ["GET", "DELETE"] {
            let answer = call(&gateway, method, &format!("{list}/{segment}")).send();
            refused(&answer, 404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND", segment);
        }
    }
    assert_eq!(stored(&gateway, &list), ["198.51.100.0/24"]);
}
