//! HTML for mail programs: one column, inline styles, no images, no colours but the button's own, so that
//! it is readable in a dark theme too. Everything that comes from outside goes through [`escape`].

/// Text for content and attribute values.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A whole message.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{title}</title>\n</head>\n\
         <body style=\"margin:0;padding:16px;font-family:system-ui,-apple-system,'Segoe UI',sans-serif;\
         font-size:16px;line-height:1.5\">\n<div style=\"max-width:640px;margin:0 auto\">\n{body}</div>\n\
         </body>\n</html>\n"
    )
}

pub(super) fn heading(text: &str) -> String {
    let style = "margin:0 0 12px;font-size:22px;line-height:1.25;overflow-wrap:anywhere";
    format!("<h1 style=\"{style}\">{}</h1>\n", escape(text))
}

pub(super) fn subheading(text: &str) -> String {
    format!("<h2 style=\"margin:24px 0 4px;font-size:17px\">{}</h2>\n", escape(text))
}

pub(super) fn paragraph(text: &str) -> String {
    format!("<p style=\"margin:8px 0;overflow-wrap:anywhere\">{}</p>\n", escape(text))
}

/// A line that must not be overlooked.
pub(super) fn banner(text: &str) -> String {
    let style = "margin:12px 0;padding:8px 12px;border:2px solid currentColor";
    format!("<p style=\"{style}\"><strong>{}</strong></p>\n", escape(text))
}

/// Names and values; a value that is empty is left out.
pub(super) fn facts(rows: &[(&str, String)]) -> String {
    let mut table = String::from("<table style=\"border-collapse:collapse\">\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        table.push_str(&format!(
            "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:2px 16px 2px 0;\
             font-weight:normal;white-space:nowrap\">{}</th><td style=\"vertical-align:top;padding:2px 0;\
             font-weight:bold;overflow-wrap:anywhere\">{}</td></tr>\n",
            escape(name),
            escape(value),
        ));
    }
    table.push_str("</table>\n");
    table
}

/// Lines in their order.
pub(super) fn list(lines: &[String]) -> String {
    let mut list = String::from("<ul style=\"margin:4px 0;padding-left:20px\">\n");
    for line in lines {
        list.push_str(&format!("<li style=\"overflow-wrap:anywhere\">{}</li>\n", escape(line)));
    }
    list.push_str("</ul>\n");
    list
}

/// Text that somebody else wrote, fenced so that it does not pass for ours.
pub(super) fn quote(text: &str) -> String {
    let style = "margin:4px 0;padding:4px 0 4px 12px;border-left:4px solid currentColor;\
                 white-space:pre-wrap;overflow-wrap:anywhere";
    format!("<blockquote style=\"{style}\">{}</blockquote>\n", escape(text))
}

/// Something to type or copy.
pub(super) fn code(text: &str) -> String {
    let style = "margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:15px;\
                 font-family:ui-monospace,Menlo,Consolas,monospace";
    format!("<pre style=\"{style}\">{}</pre>\n", escape(text))
}

/// A few characters to type somewhere else.
pub(super) fn spelled(text: &str) -> String {
    let style = "margin:4px 0 12px;font-size:26px;line-height:1.3;font-weight:bold;letter-spacing:4px;\
                 font-family:ui-monospace,Menlo,Consolas,monospace";
    format!("<p style=\"{style}\">{}</p>\n", escape(text))
}

/// A link that is easy to hit with a thumb: at least 44 pixels high. Its colours come together, so it can be
/// read in every theme.
pub(super) fn button(text: &str, url: &str) -> String {
    let style = "display:inline-block;min-height:44px;line-height:44px;padding:0 24px;border-radius:6px;\
                 border:2px solid #0a4fb3;background:#0a4fb3;color:#ffffff;font-weight:bold;\
                 text-decoration:none";
    format!(
        "<p style=\"margin:20px 0 12px\"><a href=\"{}\" style=\"{style}\">{}</a></p>\n",
        escape(url),
        escape(text)
    )
}
