package text

import (
	"net/url"
	"regexp"
	"strings"
)

// urlInText finds what may be a URL in a text; urlLen says where it ends.
var urlInText = regexp.MustCompile(`(?i)\b(?:https?|ftp)://[^\s<>\x00-\x20\x7f]+`)

// findURLs returns the start and end offsets of the URLs in a text.
func findURLs(s string) [][]int {
	places := urlInText.FindAllStringIndex(s, -1)
	for _, p := range places {
		p[1] = p[0] + urlLen(s[p[0]:p[1]])
	}
	return places
}

// urlLen returns the length of a URL without punctuation at its end, which belongs to the
// sentence around it, and without a closing bracket that has no opening one in the URL.
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

// accessToken finds a token in a URL: editors in Directus have written the author's own token
// into the addresses of images.
var accessToken = regexp.MustCompile(`(?i)([?&])access_token=[^&#]*&?`)

// urlEscapes escapes characters that a URL between angle brackets must not hold.
var urlEscapes = strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E")

// linkTarget returns the target of a link as it is shown, without access tokens. A relative one
// is made absolute. ok is false if that cannot be done, for a place within a page, and for
// schemes that run something.
func linkTarget(target, base string) (shown string, ok bool) {
	shown = strings.TrimSpace(target)
	scheme, _, _ := strings.Cut(shown, ":")
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto":
	default:
		if shown, ok = absolute(shown, base); !ok {
			return "", false
		}
	}
	shown = strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return -1
		}
		return r
	}, shown)
	shown = urlEscapes.Replace(shown)
	if accessToken.MatchString(shown) {
		shown = strings.TrimRight(accessToken.ReplaceAllString(shown, "$1"), "?&")
	}
	return shown, true
}

// absolute resolves a relative link as a browser does on the page at base.
func absolute(relative, base string) (resolved string, ok bool) {
	from, err := url.Parse(strings.TrimRight(base, "/") + "/")
	if err != nil || from.Host == "" || relative == "" || relative[0] == '#' {
		return "", false
	}
	to, err := from.Parse(relative)
	if err != nil || to.Scheme != from.Scheme {
		return "", false
	}
	return to.String(), true
}

// names reports whether the text of a link is its URL already.
func names(label, url string) bool {
	for _, prefix := range []string{"", "http://", "https://", "mailto:"} {
		if whole := prefix + label; whole == url || whole+"/" == url {
			return true
		}
	}
	return false
}
