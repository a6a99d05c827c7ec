//! What documents hold that the contract only shows in passing, and where links begin.

use super::*;

#[test]
fn an_organization_has_the_published_shape() {
    let gateway = gateway();
    let org = gateway.org.to_string();
    let href = format!("http://{}{V2}/orgs", gateway.admin());
    let shown = json!({
        "id": org,
        "isDeleted": false,
        "links": [{ "href": format!("{href}/{org}"), "rel": "self" }],
        "name": "tests",
    });
    assert_eq!(call(&gateway, "GET", &format!("{V2}/orgs/{{org}}")).send().json(), shown);
    let page = json!({
        "links": [{ "href": format!("{href}?includeCount=true&itemsPerPage=100&pageNum=1"), "rel": "self" }],
        "results": [shown],
        "totalCount": 1,
    });
    assert_eq!(call(&gateway, "GET", &format!("{V2}/orgs")).send().json(), page);
}

#[test]
fn links_begin_with_the_public_url_where_the_config_fixes_one() {
    let gateway = gateway_with(Options {
        admin: "public_url = \"https://api.example.com\"".into(),
        ..Options::default()
    });
    let page = call(&gateway, "GET", &format!("{V2}/orgs")).send().json();
    for href in [link(&page, "self"), link(&page["results"][0], "self")] {
        assert!(href.unwrap().starts_with("https://api.example.com/api/atlas/v2/orgs"), "{href:?}");
    }
}
