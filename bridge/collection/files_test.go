package collection

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

const fileID, otherFileID = "c9230782-3a70-486c-8bd8-710df8739bc0", "908afcca-e7c6-45bd-bc91-dd8da26890b3"

func TestFileLines(t *testing.T) {
	const base = "https://chat.example.com/directus/"
	link, other := " <https://chat.example.com/directus/assets/"+fileID+">", " <https://chat.example.com/directus/assets/"+otherFileID+">"
	cat := `{"id":"` + fileID + `","filename_download":"my cat.txt","type":"text/plain","filesize":12345}`
	for raw, want := range map[string]string{
		``:                   "",
		`null`:               "",
		`[]`:                 "",
		`{`:                  "",
		`"` + fileID + `"`:   "file" + link,
		cat:                  "my cat.txt (12.3 KB)" + link,
		`[` + cat + `,null]`: "my cat.txt (12.3 KB)" + link,
		`[{"directus_files_id":` + cat + `},{"directus_files_id":"` + otherFileID + `"},{"directus_files_id":null}]`: "my cat.txt (12.3 KB)" + link + "\nfile" + other,
		`[1]`:                "a file that cannot be shown here",
		`[1,"2",{"id":3}]`:   "3 files that cannot be shown here",
		`[1,` + cat + `]`:    "my cat.txt (12.3 KB)" + link + "\nand 1 more",
		`"../../users/me"`:   "a file that cannot be shown here",
		`{"id":"x y>\r\nQ"}`: "a file that cannot be shown here",
		`{"id":"` + fileID + `","filename_download":"a\r\n\u0002b\u0000\t>.txt","filesize":"999"}`:             "a b >.txt (999 B)" + link,
		`{"id":"` + fileID + `","filename_download":" ","filesize":null}`:                                      "file" + link,
		`{"id":"` + fileID + `","filename_download":"` + strings.Repeat("é", maxFileName) + `","filesize":-1}`: strings.Repeat("é", maxFileName/2) + "…" + link,
		`[` + strings.Repeat(`"`+fileID+`",`, 24) + `"` + fileID + `"]`:                                        strings.Repeat("file"+link+"\n", maxFiles) + "and 5 more",
	} {
		if got := strings.Join(FileLines(ParseFiles(json.RawMessage(raw)), base), "\n"); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", raw, got, want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 999_949: "999.9 KB", 999_950: "1.0 MB", 1_500_000: "1.5 MB", 7_300_000_000: "7.3 GB", 1 << 62: "4.6 EB",
	} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func FuzzFileLines(f *testing.F) {
	f.Add(`[{"directus_files_id":{"id":"` + fileID + `","filename_download":"a\nb","filesize":"1"}}]`)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, line := range FileLines(ParseFiles(json.RawMessage(raw)), "https://e.org") {
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("control character in %q", line)
			}
			if strings.Contains(line, "\n") {
				t.Fatalf("more than a line: %q", line)
			}
		}
	})
}
