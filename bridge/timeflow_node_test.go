package bridge_test

import (
	"go/ast"
	"go/types"
)

// node names what an expression holds; empty for what is neither a moment nor a date.
func (f *timeFlow) node(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v, ok := f.info.ObjectOf(e).(*types.Var); ok {
			return f.keyOf(v)
		}
		if fn, ok := f.info.ObjectOf(e).(*types.Func); ok {
			return f.keyOf(fn)
		}
	case *ast.SelectorExpr:
		obj := f.info.ObjectOf(e.Sel)
		switch {
		case f.isOwn(obj):
			return f.keyOf(obj)
		case obj.Pkg() != nil && obj.Pkg().Path() == "time": // the channel of a timer, or time.Now as a value
			return moment
		}
		return date // of a certificate, a file
	case *ast.StarExpr:
		return f.node(e.X)
	case *ast.UnaryExpr:
		return f.node(e.X)
	case *ast.IndexExpr:
		return f.node(e.X)
	case *ast.SliceExpr:
		return f.node(e.X)
	case *ast.FuncLit:
		return f.fset.Position(e.Pos()).String()
	case *ast.CompositeLit:
		if _, ok := f.info.TypeOf(e).Underlying().(*types.Struct); !ok {
			return f.fset.Position(e.Pos()).String()
		}
	case *ast.CallExpr:
		return f.given(e)
	}
	return ""
}

// given names the result of a call.
func (f *timeFlow) given(n *ast.CallExpr) string {
	fn := f.callee(n)
	switch {
	case fn == nil && f.info.Types[n.Fun].IsType():
		return f.node(n.Args[0])
	case fn == nil && f.info.Types[n.Fun].IsBuiltin(): // append, or make
		key := f.fset.Position(n.Pos()).String()
		for _, arg := range n.Args {
			if holdsTime(f.info.TypeOf(arg)) && !f.info.Types[arg].IsType() {
				f.join(key, f.node(arg), n.Pos())
			}
		}
		return key
	case fn == nil:
		return f.node(n.Fun) // a value
	case f.isOwn(fn):
		return f.keyOf(fn)
	case fn.Pkg() == nil:
		return ""
	}
	switch path := fn.Pkg().Path(); {
	case path == "slices" || path == "maps":
		return f.node(n.Args[0])
	case path == "context" || path == "time" && (fn.Name() == "Now" || fn.Name() == "After" || fn.Name() == "Tick"):
		return moment
	case path == "time" && (fn.Name() == "Add" || fn.Name() == "AddDate"):
		return f.node(ast.Unparen(n.Fun).(*ast.SelectorExpr).X)
	}
	return date
}

// holdsTime reports that a value is a time, or a collection of times.
func holdsTime(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if o := t.Obj(); o.Pkg() != nil && o.Pkg().Path() == "time" && o.Name() == "Time" {
			return true
		}
		_, isFunc := t.Underlying().(*types.Signature)
		return isFunc && holdsTime(t.Underlying())
	case *types.Map:
		return holdsTime(t.Elem()) || holdsTime(t.Key())
	case *types.Signature:
		return t.Results().Len() > 0 && holdsTime(t.Results().At(0).Type())
	case interface{ Elem() types.Type }: // a pointer, slice, array or channel
		return holdsTime(t.Elem())
	}
	return false
}
