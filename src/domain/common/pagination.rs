//! Pages of lists.

/// Cuts a list of which one entry more was read than the page takes; answers whether there is a next page.
pub fn truncate_to_page<T>(found: &mut Vec<T>, limit: usize) -> bool {
    let more = found.len() > limit;
    found.truncate(limit);
    more
}
