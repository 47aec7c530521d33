//! Pages that need no network: style and pictures inline, no script, nothing to be loaded.

/// A whole page around `body`.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n",
        title = escape(title),
    )
}

/// Rows under titles.
pub(crate) fn table(titles: &[String], rows: &[Vec<String>]) -> String {
    let heads: String =
        titles.iter().map(|title| format!("<th scope=\"col\">{}</th>", escape(title))).collect();
    let row = |row: &Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"table\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n"
    )
}

/// Text as it may stand in HTML, in attributes too.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Colours that tell apart for most eyes, on light and on dark; curves differ in their dashes too.
const STYLE: &str = "\
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2126; --soft: #59636e; --grid: #dfe3e8;
  --c0: #0069a8; --c1: #c2410c; --c2: #15803d; --c3: #7c3aed; --c4: #9d174d; --c5: #59636e;
  --alive: #8fc7ea; --suspect: #e69f00; --failed: #c02626; --left: #8a8f98; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14181d; --text: #e6e9ed; --soft: #a3adb8; --grid: #333b44;
    --c0: #5cb8f0; --c1: #ff9a62; --c2: #5fd38a; --c3: #b794f6; --c4: #f472b6; --c5: #a3adb8;
    --alive: #2f6b94; --suspect: #e0a82e; --failed: #ef5f5f; --left: #79818c; } }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem; }
p { margin: .25rem 0 .75rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
figure { margin: 0; }
svg.picture { display: block; width: 100%; height: auto; }
.grid { stroke: var(--grid); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 12px; }
.label { fill: var(--text); font-size: 13px; }
.curve { fill: none; stroke-width: 2; }
.c0 { stroke: var(--c0); }
.c1 { stroke: var(--c1); stroke-dasharray: 7 3; }
.c2 { stroke: var(--c2); stroke-dasharray: 2 3; }
.c3 { stroke: var(--c3); stroke-dasharray: 9 3 2 3; }
.c4 { stroke: var(--c4); stroke-dasharray: 12 4; }
.c5 { stroke: var(--c5); stroke-dasharray: 1 2; }
.alive { fill: var(--alive); }
.suspect { fill: var(--suspect); }
.failed { fill: var(--failed); }
.left { fill: var(--left); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .25rem 0; padding: 0; font-size: .9rem; }
.key { width: 2rem; height: .65rem; margin-right: .4rem; vertical-align: middle; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--grid); white-space: nowrap; }
.bars { list-style: none; margin: .25rem 0; padding: 0; font-size: .9rem; }
.bar { width: 300px; max-width: 60%; height: .65rem; margin-right: .6rem; vertical-align: middle; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
";
