package directus

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// A Filter is a Directus filter rule, for example
// {"room": {"_eq": "dev"}}. The empty filter matches everything.
type Filter map[string]any

// A Query selects items for a read. The zero Query asks for the defaults of
// Directus: all fields of the first level of the first 100 items.
type Query struct {
	Fields []string
	Filter Filter
	// Keys are the primary keys of the items to read; nil means any. Key is the name of the
	// primary key field. Filter applies as well. A Filter cannot hold every key: Directus
	// gives the texts null, NULL, true and false, and those that begin with $NOW or
	// $CURRENT_, another meaning there. Keys does not have this problem unless a proxy
	// blocks SEARCH.
	Key  string
	Keys []string
	// Sort names fields, those with a leading "-" in descending order.
	Sort []string
	// Limit is the largest number of items: 0 means the default of the server
	// (normally 100), -1 means all, which Directus silently caps at
	// ServerInfo.QueryLimitMax. A limit above that maximum is INVALID_QUERY.
	Limit int
	// Offset skips items. If rows may come or go between two pages, filter by the last
	// item of the page before instead.
	Offset int
	// Max asks for no items, but for the largest value of this field in each group of items
	// with the same value of GroupBy: {GroupBy: value, "max": {Max: value}}. Fields is not used.
	Max, GroupBy string
	// Search is a full-text search over the fields of the collection.
	Search string
	// Whole asks for strings that are not cut. The limits on the whole answer still apply.
	Whole bool
	// CutRelated cuts strings in related items at MaxRelated instead of MaxString.
	CutRelated bool
	// MaxAnswer bounds the answer in bytes if it is not 0 and less than
	// Options.MaxAnswer. Beyond it the error is ErrTooLarge.
	MaxAnswer int
}

// values is the query as URL parameters.
func (q Query) values() (url.Values, error) {
	v := url.Values{}
	if len(q.Fields) > 0 {
		v.Set("fields", strings.Join(q.Fields, ","))
	}
	filter := q.Filter
	if q.Keys != nil {
		filter = And(filter, Compare(q.Key, "_in", q.Keys))
	}
	if len(filter) > 0 {
		b, err := json.Marshal(filter)
		if err != nil {
			return nil, fmt.Errorf("encode filter: %w", err)
		}
		v.Set("filter", string(b))
	}
	if len(q.Sort) > 0 {
		v.Set("sort", strings.Join(q.Sort, ","))
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Offset != 0 {
		v.Set("offset", strconv.Itoa(q.Offset))
	}
	if q.Max != "" {
		v.Set("aggregate[max]", q.Max)
		v.Set("groupBy[]", q.GroupBy)
	}
	if q.Search != "" {
		v.Set("search", q.Search)
	}
	return v, nil
}

// object is the query as the JSON object of a SEARCH request.
func (q Query) object() map[string]any {
	o := map[string]any{}
	if len(q.Fields) > 0 {
		o["fields"] = q.Fields
	}
	if len(q.Filter) > 0 {
		o["filter"] = q.Filter
	}
	if len(q.Sort) > 0 {
		o["sort"] = q.Sort
	}
	if q.Limit != 0 {
		o["limit"] = q.Limit
	}
	if q.Offset != 0 {
		o["offset"] = q.Offset
	}
	if q.Max != "" {
		o["aggregate"] = map[string]any{"max": []string{q.Max}}
		o["groupBy"] = []string{q.GroupBy}
	}
	if q.Search != "" {
		o["search"] = q.Search
	}
	return o
}

// And matches what all of the filters match. Empty filters are left out.
func And(filters ...Filter) Filter { return join("_and", filters) }

// Or matches what any of the filters matches. Beware: an empty filter, which alone
// matches everything, is left out here too.
func Or(filters ...Filter) Filter { return join("_or", filters) }

func join(operator string, filters []Filter) Filter {
	var some []Filter
	for _, f := range filters {
		if len(f) > 0 {
			some = append(some, f)
		}
	}
	switch len(some) {
	case 0:
		return Filter{}
	case 1:
		return some[0]
	}
	return Filter{operator: some}
}

// Compare is the filter {field: {operator: value}}; a dotted field walks
// relations: "user_created.id".
func Compare(field, operator string, value any) Filter {
	names := strings.Split(field, ".")
	f := Filter{operator: value}
	for i := len(names) - 1; i >= 0; i-- {
		f = Filter{names[i]: f}
	}
	return f
}

// Eq matches the items whose field has that value.
func Eq(field string, value any) Filter { return Compare(field, "_eq", value) }
