package bridge

import "regexp"

// actionPrefix marks an action in a stored text. It is what people type, on
// both sides, so a reader of the web page understands it and may write it.
const actionPrefix = "/me "

// mircFormat matches mIRC formatting: a colour with its numbers, a hex colour,
// and the toggles of bold, italic, underline, strike-through, monospace,
// reverse and reset.
var mircFormat = regexp.MustCompile("\x03(?:\\d{1,2}(?:,\\d{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]")
