//! The texts and numbers that shapes are made of, as exactly as a schema can say it.
//!
//! Addresses and ranges have formats of our own instead of patterns: what an IPv6 address is, and that a range has no
//! host bits, no pattern says. The document's opening text describes them.

use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema, SchemaFormat};

use crate::identity::text::{MOST_DESCRIPTION_CHARACTERS, MOST_NAME_CHARACTERS};
use crate::identity::{Organization, Role, Token};

/// The format of one address, as `ipAddress` has it.
pub(super) const ADDRESS: &str = "ip-address";

/// The format of a range, as `cidrBlock` has it.
pub(super) const RANGE: &str = "ip-range";

/// The format of either, as it stands in a path.
pub(super) const ADDRESS_OR_RANGE: &str = "ip-address-or-range";

/// An identifier of an organization, a key, a request.
pub(in crate::admin) fn id() -> ObjectBuilder {
    text().pattern(Some("^[0-9a-f]{24}$")).examples(["65f0c0ffee0123456789abcd"])
}

/// An instant, in whole seconds of UTC.
pub(in crate::admin) fn timestamp() -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"))
        .examples(["2026-07-25T17:20:00Z"])
}

/// A single address.
pub(in crate::admin) fn address() -> ObjectBuilder {
    of_format(ADDRESS).max_length(Some(LONGEST_ADDRESS)).examples(["203.0.113.10", "2001:db8::1"])
}

/// A range of addresses.
pub(in crate::admin) fn range() -> ObjectBuilder {
    of_format(RANGE)
        .max_length(Some(LONGEST_ADDRESS + "%2F128".len()))
        .examples(["198.51.100.0/24", "2001:db8::/32"])
}

/// A number of requests. What does not fit is the largest.
pub(in crate::admin) fn count() -> ObjectBuilder {
    integer()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(0))
        .maximum(Some(i32::MAX))
}

/// What a key is for.
pub(in crate::admin) fn description() -> ObjectBuilder {
    text()
        .min_length(Some(1))
        .max_length(Some(MOST_DESCRIPTION_CHARACTERS))
        .pattern(Some(r"^[^\u0000]*$"))
        .examples(["ci"])
}

/// A name that is shown and never empty.
pub(in crate::admin) fn name() -> ObjectBuilder {
    text().min_length(Some(1)).examples(["Acme"])
}

/// The half of a key that is no secret.
pub(in crate::admin) fn public_key() -> ObjectBuilder {
    text().pattern(Some("^[a-z]{8}$")).examples(["zmmrboas"])
}

/// The other half, once it has been shown.
pub(in crate::admin) fn masked_private_key() -> ObjectBuilder {
    text()
        .pattern(Some(r"^\*{8}-\*{4}-\*{4}-[0-9a-f]{12}$"))
        .description(Some("The last twelve characters of the private key."))
        .examples(["********-****-****-e66d20841f3e"])
}

/// The other half, in the answer that makes the key.
pub(in crate::admin) fn private_key() -> ObjectBuilder {
    text()
        .pattern(Some("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))
        .description(Some("The whole private key. It is not shown again."))
        .examples(["55c3bbb6-b4bb-0be1-aaaa-e66d20841f3e"])
}

/// The name of an organization role.
pub(in crate::admin) fn role() -> ObjectBuilder {
    text().enum_values(Some(Role::ALL.map(Role::as_str)))
}

/// The names of at least one role.
pub(in crate::admin) fn roles() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(role())
        .min_items(Some(1))
        .examples([serde_json::json!(["ORG_MEMBER"])])
}

/// The same, or `null`, which says nothing.
pub(in crate::admin) fn roles_or_null() -> ArrayBuilder {
    roles().schema_type(SchemaType::Array(vec![Type::Array, Type::Null]))
}

/// What a key is for, or `null`, which says nothing.
pub(in crate::admin) fn description_or_null() -> ObjectBuilder {
    description().schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
}

/// An address, or `null` where there is no single one.
pub(in crate::admin) fn address_or_null() -> ObjectBuilder {
    or_null(address(), Type::String)
}

/// The name that a service account has in OAuth and in paths.
pub(in crate::admin) fn client_id() -> ObjectBuilder {
    text()
        .pattern(Some("^mdb_sa_id_[0-9a-f]{24}$"))
        .examples(["mdb_sa_id_65f0c0ffee0123456789abcd"])
}

/// The same, or nothing, which is as good as no parameter. Source: RFC 6749, section 3.2.
pub(in crate::admin) fn client_id_or_empty() -> ObjectBuilder {
    client_id().pattern(Some("^(mdb_sa_id_[0-9a-f]{24})?$"))
}

/// What people call a service account.
pub(in crate::admin) fn account_name() -> ObjectBuilder {
    plain_text(MOST_NAME_CHARACTERS).examples(["ci"])
}

/// What a service account is for.
pub(in crate::admin) fn account_description() -> ObjectBuilder {
    plain_text(MOST_DESCRIPTION_CHARACTERS).examples(["Builds of the main branch"])
}

fn plain_text(most: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(most)).pattern(Some(r"^[\p{L}\p{N}\-_.,' ]*$"))
}

/// A secret of a service account, once it has been shown.
pub(in crate::admin) fn masked_secret() -> ObjectBuilder {
    text()
        .pattern(Some(r"^mdb_sa_sk_\.\.\.[0-9A-Za-z_-]{4}$"))
        .description(Some("The last four characters of the secret."))
        .examples(["mdb_sa_sk_...wxyz"])
}

/// A secret of a service account, in the answer that makes it.
pub(in crate::admin) fn secret() -> ObjectBuilder {
    text()
        .pattern(Some("^mdb_sa_sk_[0-9A-Za-z_-]{40}$"))
        .description(Some("The whole secret. It is not shown again."))
}

/// Hours that a secret is valid.
pub(in crate::admin) fn hours() -> ObjectBuilder {
    let hours = Organization::SECRET_HOURS;
    integer()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(*hours.start()))
        .maximum(Some(*hours.end()))
        .examples([720])
}

/// The same, or `null` for no limit of one's own.
pub(in crate::admin) fn hours_or_null() -> ObjectBuilder {
    or_null(hours(), Type::Integer)
}

/// An access token: a JSON web token.
pub(in crate::admin) fn token() -> ObjectBuilder {
    text().pattern(Some(r"^[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+$"))
}

/// Seconds that an access token is good for.
pub(in crate::admin) fn token_seconds() -> ObjectBuilder {
    integer().minimum(Some(0)).maximum(Some(Token::LIFETIME.as_secs()))
}

/// A value of `schema_type`, or `null`.
pub(in crate::admin) fn or_null(value: ObjectBuilder, schema_type: Type) -> ObjectBuilder {
    value.schema_type(SchemaType::Array(vec![schema_type, Type::Null]))
}

/// A text.
pub(in crate::admin) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A whole number.
pub(in crate::admin) fn integer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// `true` or `false`.
pub(in crate::admin) fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// An absolute URL.
pub(in crate::admin) fn url() -> ObjectBuilder {
    of_format("uri")
}

/// A text of a format of our own.
pub(in crate::admin) fn of_format(name: &str) -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom(name.to_owned())))
}

/// One value and no other.
pub(in crate::admin) fn only(schema_type: Type, value: impl Into<Value>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema_type).enum_values(Some([value.into()]))
}

/// Nothing but `null`.
pub(in crate::admin) fn null() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Null).into()
}

/// Characters of the longest text of an IPv6 address: eight groups, of which the last two are an IPv4 address.
const LONGEST_ADDRESS: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();
