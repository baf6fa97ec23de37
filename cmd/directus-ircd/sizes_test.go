package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Limits on what one reader must hold in mind at once. Test files are exempt: a table or a
// transcript is read line by line.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
	maxPackageFiles  = 30
)

// largerPackages have limits of their own, by folder.
var largerPackages = map[string]int{
	"ircd": 45, // one protocol, with a file for each command
}

// TestSizes checks every product file of the module, in whatever package it is.
func TestSizes(t *testing.T) {
	root := filepath.Join("..", "..")
	files := map[string]int{} // by folder
	names := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || hasModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		files[filepath.ToSlash(filepath.Dir(relative))]++
		file, err := parser.ParseFile(names, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		checkFile(t, names, file, relative)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d packages found under %s", len(files), root)
	}
	for folder, count := range files {
		limit := maxPackageFiles
		if larger, ok := largerPackages[folder]; ok {
			limit = larger
		}
		if count > limit {
			t.Errorf("%s has %d files, more than %d", folder, count, limit)
		}
	}
}

func hasModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func checkFile(t *testing.T, names *token.FileSet, file *ast.File, path string) {
	if name := file.Name.Name; slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, name) {
		t.Errorf("%s: the package name %s says nothing of what the package does", path, name)
	}
	lines := names.File(file.FileStart).LineCount()
	if lines > maxFileLines {
		t.Errorf("%s has %d lines, more than %d", path, lines, maxFileLines)
	}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := names.Position(function.End()).Line - names.Position(function.Pos()).Line + 1
		if lines > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, more than %d", path, function.Name.Name, lines, maxFunctionLines)
		}
	}
}
