package bridge

// A stored text is plain, Markdown or HTML, as its channel's Format says. On IRC
// it is text with mIRC formatting; both ways keep its words. An action is stored as
// "/me text" in every format.

// toIRC makes IRC text of a stored text.
func (f Format) toIRC(stored string) string {
	switch f {
	case FormatMarkdown:
		return markdownToIRC(stored)
	case FormatHTML:
		return htmlToIRC(stored)
	}
	return unformatted(stored)
}

// fromIRC makes a text to be stored of IRC text; it is empty if that shows
// nothing.
func (f Format) fromIRC(text string) string {
	switch f {
	case FormatMarkdown:
		return markdownFromIRC(text)
	case FormatHTML:
		return htmlFromIRC(text)
	}
	return unformatted(text)
}
