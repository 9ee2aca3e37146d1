package tests

import (
	"errors"
	"fmt"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
)

// Keys of every type, typed as the SDK has them.
var (
	goText    = temporal.NewSearchAttributeKeyString("GoText")
	goKeyword = temporal.NewSearchAttributeKeyKeyword("GoKeyword")
	goInt     = temporal.NewSearchAttributeKeyInt64("GoInt")
	goDouble  = temporal.NewSearchAttributeKeyFloat64("GoDouble")
	goBool    = temporal.NewSearchAttributeKeyBool("GoBool")
	goTime    = temporal.NewSearchAttributeKeyTime("GoTime")
	goList    = temporal.NewSearchAttributeKeyKeywordList("GoList")
)

func registerSearchAttributes(t *testing.T) {
	t.Helper()
	_, err := c.OperatorService().AddSearchAttributes(limited(t), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default",
		SearchAttributes: map[string]enums.IndexedValueType{
			"GoText":    enums.INDEXED_VALUE_TYPE_TEXT,
			"GoKeyword": enums.INDEXED_VALUE_TYPE_KEYWORD,
			"GoInt":     enums.INDEXED_VALUE_TYPE_INT,
			"GoDouble":  enums.INDEXED_VALUE_TYPE_DOUBLE,
			"GoBool":    enums.INDEXED_VALUE_TYPE_BOOL,
			"GoTime":    enums.INDEXED_VALUE_TYPE_DATETIME,
			"GoList":    enums.INDEXED_VALUE_TYPE_KEYWORD_LIST,
		},
	})
	must(t, err)
}

func count(t *testing.T, id, filter string) int64 {
	t.Helper()
	query := fmt.Sprintf("WorkflowId = '%s' AND (%s)", id, filter)
	listed, err := c.ListWorkflow(limited(t), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	must(t, err)
	counted, err := c.CountWorkflow(limited(t), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	must(t, err)
	if counted.Count != int64(len(listed.Executions)) {
		t.Fatalf("%s: %d listed, %d counted", query, len(listed.Executions), counted.Count)
	}
	return counted.Count
}

func TestVIS_04_TypedSearchAttributes(t *testing.T) {
	registerSearchAttributes(t)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 500_000_000, time.UTC)
	started := options(newID(t))
	started.Memo = map[string]any{"note": "by Go"}
	started.TypedSearchAttributes = temporal.NewSearchAttributes(
		goText.ValueSet("Written in Go"), goKeyword.ValueSet("gopher"), goInt.ValueSet(-1),
		goDouble.ValueSet(0.5), goBool.ValueSet(true), goTime.ValueSet(noon),
		goList.ValueSet([]string{"x", "y"}),
	)
	run, err := c.ExecuteWorkflow(limited(t), started, "Labels")
	must(t, err)
	for _, filter := range []string{
		"GoText = 'go'", "GoKeyword = 'gopher'", "GoInt = -1", "GoDouble < 1", "GoBool = true",
		"GoTime = '2026-01-01T12:00:00.5Z'", "GoList = 'y'",
		"GoKeyword STARTS_WITH 'go' AND GoList IN ('x', 'z') AND GoInt BETWEEN -5 AND 5",
	} {
		if count(t, run.GetID(), filter) != 1 {
			t.Errorf("%s does not find the run", filter)
		}
	}
	described, err := c.DescribeWorkflow(limited(t), run.GetID(), "")
	must(t, err)
	attributes := described.TypedSearchAttributes
	if keyword, ok := attributes.GetKeyword(goKeyword); !ok || keyword != "gopher" {
		t.Errorf("the keyword is %q", keyword)
	}
	if list, ok := attributes.GetKeywordList(goList); !ok || len(list) != 2 {
		t.Errorf("the list is %q", list)
	}
	if at, ok := attributes.GetTime(goTime); !ok || !at.Equal(noon) {
		t.Errorf("the time is %v", at)
	}

	change := object{
		"search_attributes": object{"GoKeyword": nil, "GoInt": 2, "GoList": []string{"z"}},
		"memo":              object{"note": nil, "pages": 3},
		"last":              true,
	}
	must(t, c.SignalWorkflow(limited(t), run.GetID(), "", "change", change))
	must(t, run.Get(limited(t), nil))
	if count(t, run.GetID(), "GoKeyword IS NULL AND GoInt = 2 AND GoList = 'z' AND GoBool = true") != 1 {
		t.Error("what the code has changed is not found")
	}
	described, err = c.DescribeWorkflow(limited(t), run.GetID(), "")
	must(t, err)
	if described.TypedSearchAttributes.ContainsKey(goKeyword) {
		t.Error("the keyword was removed and is shown")
	}
	if fields := described.Memo.GetFields(); len(fields) != 1 || string(fields["pages"].GetData()) != "3" {
		t.Errorf("the memo is %v", fields)
	}
}

func TestVIS_04_WhatIsWrongIsNamed(t *testing.T) {
	registerSearchAttributes(t)
	wrong := options(newID(t))
	wrong.TypedSearchAttributes = temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword("GoInt").ValueSet("seven"),
	)
	_, err := c.ExecuteWorkflow(limited(t), wrong, "Labels")
	var invalid *serviceerror.InvalidArgument
	if !errors.As(err, &invalid) {
		t.Fatalf("expected INVALID_ARGUMENT, got %v", err)
	}
	unknown := options(newID(t))
	unknown.TypedSearchAttributes = temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword("Unheard").ValueSet("of"),
	)
	_, err = c.ExecuteWorkflow(limited(t), unknown, "Labels")
	if !errors.As(err, &invalid) {
		t.Fatalf("expected INVALID_ARGUMENT, got %v", err)
	}
}
