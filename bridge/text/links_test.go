package text

import "testing"

// site is where relative links of the tests lead.
const site = "https://chat.example.com"

// A link of a stored text leads from IRC to where it leads from a page of Directus.
func TestRelativeLinks(t *testing.T) {
	for _, c := range []struct {
		format           Format
		in, base, wanted string
	}{
		{HTML, `<a href="/admin/content/x?a=1#b">y</a>`, site, "y <https://chat.example.com/admin/content/x?a=1#b>"},
		{HTML, `<a href="assets/1">y</a>`, site + "/", "y <https://chat.example.com/assets/1>"},
		{HTML, `<a href="assets/1">y</a>`, site + "/cms", "y <https://chat.example.com/cms/assets/1>"},
		{HTML, `<a href="../assets/1">y</a>`, site + "/cms", "y <https://chat.example.com/assets/1>"},
		{HTML, `<a href="//e.org/z">y</a>`, site, "y <https://e.org/z>"},
		{HTML, `<a href="#part">y</a> <a href="">z</a>`, site, "y z"},
		{HTML, `<a href="javascript:alert(1)">y</a> <a href="java&#10;script:alert(1)">z</a>`, site, "y z"},
		{HTML, `<a href="data:text/html,x">y</a>`, site, "y"},
		{HTML, `<p><img src="/assets/1?access_token=secret&amp;width=9" alt="cat"> <img src="/assets/2"></p>`, site,
			"cat <https://chat.example.com/assets/1?width=9> https://chat.example.com/assets/2"},
		{HTML, `<video src="/assets/3">no</video>`, site, "https://chat.example.com/assets/3"},
		{HTML, `<a href="/x">y</a> <img src="/z">`, "", "y [image]"},
		{Markdown, "[y](/assets/1) ![cat](assets/2) [run](javascript:alert(1)) [part](#part)", site,
			"y <https://chat.example.com/assets/1> cat <https://chat.example.com/assets/2> run part"},
		{Markdown, "[y](/x)", "", "y"},
	} {
		if _, got := c.format.Show(c.in, c.base); got != c.wanted {
			t.Errorf("%s: %q at %q:\ngot  %q\nwant %q", c.format, c.in, c.base, got, c.wanted)
		}
	}
}
