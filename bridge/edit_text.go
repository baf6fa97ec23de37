package bridge

import (
	"slices"
	"strings"
)

// editMark stands before what has changed in a message.
const editMark = "[edited] "

// editText says how a message has changed; false if people would see no
// difference. before is empty where it is not known.
func editText(before, after string) (text string, changed bool) {
	if slices.Equal(strings.Fields(before), strings.Fields(after)) {
		return "", false
	}
	return editMark + after, true
}
