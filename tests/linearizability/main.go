// Checks histories of ids for linearizability, with Porcupine.
//
// Standard input has one history per line, in JSON: {"id": "cat", "operations": [...]}. An operation has "call" and
// "return" in any monotonic unit, "action" (post, put, delete, get), "content" (the number of what was sent, 0 for none)
// and "outcome": created, replaced, exists, deleted, absent, unknown, or for a get "seen" with the content in the field
// "seen" (0 for a 404). An id holds one content, or 0 for nothing. What has an unknown outcome may have happened at any
// time after its call, or not at all. Prints a line for each history that can't be: its id and "impossible" or
// "undecided".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Client  int    `json:"client"`
	Action  string `json:"action"`
	Content int    `json:"content"`
	Outcome string `json:"outcome"`
	Seen    int    `json:"seen"`
}

type history struct {
	Id         string      `json:"id"`
	Operations []operation `json:"operations"`
}

// The states that may follow: none where the operation can't have had its outcome in this state.
func step(state, input, _ interface{}) []interface{} {
	now, op := state.(int), input.(operation)
	is := func(holds bool, next int) []interface{} {
		if holds {
			return []interface{}{next}
		}
		return nil
	}
	switch op.Action + " " + op.Outcome {
	case "get seen":
		return is(now == op.Seen, now)
	case "post created", "put created":
		return is(now == 0, op.Content)
	case "put replaced":
		return is(now != 0, op.Content)
	case "post exists":
		return is(now != 0, now)
	case "delete deleted":
		return is(now != 0, 0)
	case "delete absent":
		return is(now == 0, 0)
	case "put unknown", "delete unknown":
		return []interface{}{now, op.Content}
	case "post unknown":
		if now == 0 {
			return []interface{}{0, op.Content}
		}
		return []interface{}{now}
	}
	panic("no such operation: " + op.Action + " " + op.Outcome)
}

func main() {
	model := (&porcupine.NondeterministicModel{
		Init:  func() []interface{} { return []interface{}{0} },
		Step:  step,
		Equal: func(a, b interface{}) bool { return a == b },
	}).ToModel()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	failed := false
	for lines.Scan() {
		var one history
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		var operations []porcupine.Operation
		for _, op := range one.Operations {
			end := op.Return
			if op.Outcome == "unknown" {
				end = math.MaxInt64
			}
			operations = append(operations, porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Output: nil, Return: end})
		}
		switch porcupine.CheckOperationsTimeout(model, operations, 60*time.Second) {
		case porcupine.Illegal:
			fmt.Println(one.Id, "impossible")
			failed = true
		case porcupine.Unknown:
			fmt.Println(one.Id, "undecided")
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
