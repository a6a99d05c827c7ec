//! Paging: which part of a list an answer holds, and how the parts beside it are reached.

use serde::Serialize;
use serde_json::Value;

use super::links::{self, Link};
use super::query::Query;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Paging {
    /// Items of one page, 1 to 500.
    pub(super) items_per_page: usize,
    /// The page, from 1.
    pub(super) page: u64,
    /// Whether the answer tells how many items there are in all.
    pub(super) include_count: bool,
}

impl Paging {
    /// Items of one page at most. Source: the published schema.
    pub(super) const MOST_ITEMS: usize = 500;

    /// The items of this page. None past the end of the list.
    fn cut<T>(self, items: &[T]) -> &[T] {
        let pages_before = usize::try_from(self.page.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = pages_before.saturating_mul(self.items_per_page).min(items.len());
        let end = start.saturating_add(self.items_per_page).min(items.len());
        &items[start..end]
    }

    /// Whether the list goes on after this page.
    fn has_next(self, total: usize) -> bool {
        let pages = usize::try_from(self.page).unwrap_or(usize::MAX);
        pages.saturating_mul(self.items_per_page) < total
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self { items_per_page: 100, page: 1, include_count: true }
    }
}

/// One page of `items`, each written by `write`. `href` is where the list is found.
pub(super) fn page_of<T, W: Serialize>(
    items: &[T],
    href: &str,
    query: &Query,
    write: impl Fn(&T) -> W,
) -> Value {
    let page = Page {
        links: links(href, query, items.len()),
        results: query.paging.cut(items).iter().map(write).collect(),
        total_count: query.paging.include_count.then(|| saturated(items.len())),
    };
    serde_json::to_value(page).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<W> {
    links: Vec<Link>,
    results: Vec<W>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i32>,
}

fn links(href: &str, query: &Query, total: usize) -> Vec<Link> {
    let paging = query.paging;
    let to = |page: u64| format!("{href}?{}", query_text(query, page));
    let mut links = vec![Link::new("self", to(paging.page))];
    if paging.page > 1 {
        links.push(Link::new("previous", to(paging.page - 1)));
    }
    if paging.has_next(total) {
        links.push(Link::new("next", to(paging.page + 1)));
    }
    links
}

/// The query that leads to `page` of the same list in the same form.
fn query_text(query: &Query, page: u64) -> String {
    let Paging { items_per_page, include_count, .. } = query.paging;
    let mut text =
        format!("includeCount={include_count}&itemsPerPage={items_per_page}&pageNum={page}");
    if let Some(name) = &query.name {
        text.push_str("&name=");
        text.push_str(&links::escape(name));
    }
    if let Some(include) = query.include_system_managed {
        text.push_str(if include {
            "&includeSystemManaged=true"
        } else {
            "&includeSystemManaged=false"
        });
    }
    text.push_str(&query.form.to_string());
    text
}

/// A number as the wire's 32-bit integer; what does not fit is the largest.
fn saturated(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::query::Known;
    use super::*;

    const HREF: &str = "http://gateway.example/api/atlas/v2/orgs";

    fn query(text: &str) -> Query {
        Query::parse(Some(text), Known::NamedPage).unwrap()
    }

    fn page(total: u32, text: &str) -> Value {
        page_of(&(0..total).collect::<Vec<_>>(), HREF, &query(text), |item| *item)
    }

    #[test]
    fn a_page_in_the_middle_links_to_both_sides() {
        assert_eq!(
            page(3, "itemsPerPage=1&pageNum=2"),
            json!({
                "links": [
                    { "href": format!("{HREF}?includeCount=true&itemsPerPage=1&pageNum=2"), "rel": "self" },
                    { "href": format!("{HREF}?includeCount=true&itemsPerPage=1&pageNum=1"), "rel": "previous" },
                    { "href": format!("{HREF}?includeCount=true&itemsPerPage=1&pageNum=3"), "rel": "next" },
                ],
                "results": [1],
                "totalCount": 3,
            })
        );
    }

    #[test]
    fn a_link_keeps_the_filter_and_the_form() {
        let page =
            page(3, "itemsPerPage=2&name=a%26b&envelope=true&pretty=true&includeCount=false");
        let query =
            "includeCount=false&itemsPerPage=2&pageNum=2&name=a%26b&envelope=true&pretty=true";
        assert_eq!(page["links"][1]["href"], format!("{HREF}?{query}"));
        assert_eq!(page.get("totalCount"), None);
    }

    #[test]
    fn a_page_past_the_end_is_empty() {
        for number in ["4", "18446744073709551615", "99999999999999999999999999999999"] {
            let page = page(3, &format!("itemsPerPage=500&pageNum={number}"));
            assert_eq!(page["results"], json!([]), "{number}");
            assert_eq!(page["totalCount"], 3);
            assert_eq!(page["links"].as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn an_empty_list_has_one_empty_page() {
        let page = page(0, "");
        assert_eq!(page["results"], json!([]));
        assert_eq!(page["links"].as_array().unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn following_next_visits_every_item_once(total in 0_u32..200, items in 1_usize..60) {
            let mut seen = Vec::new();
            let mut text = format!("itemsPerPage={items}");
            loop {
                let page = page(total, &text);
                seen.extend(page["results"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
                let links = page["links"].as_array().unwrap();
                let Some(next) = links.iter().find(|link| link["rel"] == "next") else { break };
                text = next["href"].as_str().unwrap().split_once('?').unwrap().1.to_owned();
            }
            prop_assert_eq!(seen, (0..u64::from(total)).collect::<Vec<_>>());
        }
    }
}
