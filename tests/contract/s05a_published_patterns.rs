//! Section 5, what the published patterns really say: texts that they get wrong, and what is done with them here.

use super::s05b_addresses::{ADDRESS, RANGE, is_added, is_refused, range, single};

const NO_ADDRESS: &str = "expected an IPv4 or IPv6 address";

//= 5: 203.0.113.10 | yes | no
#[test]
fn r01_a_plain_ipv4_address_is_an_ip_address_and_no_cidr_block() {
    is_added(single("203.0.113.10"), &["203.0.113.10/32"]);
    is_refused(range("203.0.113.10"), RANGE, "cidrBlock", "expected a prefix length");
}

//= 5: 01.2.3.4, 256.1.1.1
#[test]
fn r02_leading_zeros_parts_over_255_and_lengths_over_32_are_refused_though_they_match() {
    for text in ["01.2.3.4", "256.1.1.1"] {
        is_refused(single(text), ADDRESS, "ipAddress", NO_ADDRESS);
    }
    for text in ["010.0.0.0/8", "999.1.1.1/24", "1/1"] {
        is_refused(range(text), RANGE, "cidrBlock", NO_ADDRESS);
    }
    is_refused(range("10.0.0.0/99"), RANGE, "cidrBlock", "from 0 to 32");
}

//= 5: 203.0.113.0/24 and 203.0.113.0%2F24
#[test]
fn r03_a_range_may_have_percent_2f_inside_the_json_string() {
    is_added(range("203.0.113.0/24"), &["203.0.113.0/24"]);
    is_added(range("203.0.113.0%2F24"), &["203.0.113.0/24"]);
    is_refused(single("203.0.113.0/24"), ADDRESS, "ipAddress", "without a prefix length");
    is_refused(single("203.0.113.0%2F24"), ADDRESS, "ipAddress", NO_ADDRESS);
}

//= 5: 10.0.0.0/8/24
#[test]
fn r04_two_prefixes_are_refused_though_they_match() {
    is_refused(range("10.0.0.0/8/24"), RANGE, "cidrBlock", "from 0 to 32");
}

//= 5: 2001:db8:0:0:0:0:0:1 (+
#[test]
fn r05_eight_groups_in_lower_case_are_either() {
    is_added(single("2001:db8:0:0:0:0:0:1"), &["2001:db8:0:0:0:0:0:1/128"]);
    is_added(range("2001:db8:0:0:0:0:0:1/128"), &["2001:db8:0:0:0:0:0:1/128"]);
}

//= 5: 2001:db8::1 (+
#[test]
fn r06_a_double_colon_in_the_middle_is_either_though_it_matches_neither() {
    is_added(single("2001:db8::1"), &["2001:db8::1/128"]);
    is_added(range("2001:db8::1/128"), &["2001:db8::1/128"]);
}

//= 5: 2001:db8::/32, ::1/128
#[test]
fn r07_a_double_colon_at_an_end_is_a_range() {
    is_added(range("2001:db8::/32"), &["2001:db8::/32"]);
    is_added(range("::1/128"), &["::1/128"]);
    for text in ["2001:db8::/32", "::1/128"] {
        is_refused(single(text), ADDRESS, "ipAddress", "without a prefix length");
    }
}

//= 5: ::/0, any upper-case
#[test]
fn r08_everything_and_upper_case_are_taken_though_they_do_not_match() {
    is_added(range("::/0"), &["::/0"]);
    is_added(single("2001:DB8:0:0:0:0:0:A"), &["2001:DB8:0:0:0:0:0:A/128"]);
    is_added(range("2001:DB8::/32"), &["2001:DB8::/32"]);
}

//= 5: xx2001:db8:0:0:0:0:0:1
#[test]
fn r09_letters_before_an_address_are_refused_though_they_match() {
    is_refused(single("xx2001:db8:0:0:0:0:0:1"), ADDRESS, "ipAddress", NO_ADDRESS);
}
