package text

import (
	"regexp"
	"strings"
)

// urlInText finds what may be a URL in a text; urlLen says where it ends.
var urlInText = regexp.MustCompile(`(?i)\b(?:https?|ftp)://[^\s<>\x00-\x20\x7f]+`)

// findURLs returns the places of the URLs in a text.
func findURLs(s string) [][]int {
	places := urlInText.FindAllStringIndex(s, -1)
	for _, p := range places {
		p[1] = p[0] + urlLen(s[p[0]:p[1]])
	}
	return places
}

// urlLen leaves out the punctuation that belongs to the sentence around a URL,
// and a closing bracket that was opened before it.
func urlLen(url string) int {
	n := len(url)
	for n > 0 {
		switch last := url[n-1]; last {
		case '.', ',', ';', ':', '!', '?', '\'', '"', '*', '~', '`':
		case ')', ']', '}':
			open := map[byte]string{')': "(", ']': "[", '}': "{"}[last]
			if strings.Count(url[:n], open) >= strings.Count(url[:n], string(last)) {
				return n
			}
		default:
			return n
		}
		n--
	}
	return n
}

// accessToken finds a token in a URL: editors of Directus have put that of the
// person who writes into the address of an image.
var accessToken = regexp.MustCompile(`(?i)([?&])access_token=[^&#]*&?`)

// urlEscapes are for what cannot stand in a URL between angle brackets.
var urlEscapes = strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E")

// linkTarget is the target of a link as it is shown. It is false for one that is of no
// use outside of the page, or does something instead of leading somewhere.
func linkTarget(target string) (url string, ok bool) {
	url = strings.TrimSpace(target)
	scheme, _, _ := strings.Cut(url, ":")
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto":
	default:
		return "", false
	}
	url = strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return -1
		}
		return r
	}, url)
	url = urlEscapes.Replace(url)
	if accessToken.MatchString(url) {
		url = strings.TrimRight(accessToken.ReplaceAllString(url, "$1"), "?&")
	}
	return url, true
}

// names reports whether a link's text says where it leads, so that once is enough.
func names(label, url string) bool {
	for _, prefix := range []string{"", "http://", "https://", "mailto:"} {
		if whole := prefix + label; whole == url || whole+"/" == url {
			return true
		}
	}
	return false
}
