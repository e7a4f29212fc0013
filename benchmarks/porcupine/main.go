// Porcupine on a history of registers, read from standard input: rows of six int64, little-endian: write (1) or read
// (0), key, value (-1 is null), invoked, completed (-1 is never), number. Prints what it came to as JSON.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

type call struct {
	write bool
	key   int64
	value int64
}

var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[int64][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(call).key
			byKey[key] = append(byKey[key], op)
		}
		parts := make([][]porcupine.Operation, 0, len(byKey))
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() interface{} { return int64(-1) },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		in := input.(call)
		if in.write {
			return true, in.value
		}
		return output.(int64) == state.(int64), state
	},
}

func main() {
	limit, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	var history []porcupine.Operation
	reader := bufio.NewReaderSize(os.Stdin, 1<<20)
	var row [6]int64
	for {
		if err := binary.Read(reader, binary.LittleEndian, &row); err == io.EOF {
			break
		} else if err != nil {
			panic(err)
		}
		completed := row[4]
		if completed < 0 {
			completed = math.MaxInt64
		}
		history = append(history, porcupine.Operation{
			ClientId: int(row[5]),
			Input:    call{write: row[0] == 1, key: row[1], value: row[2]},
			Call:     row[3],
			Output:   row[2],
			Return:   completed,
		})
	}
	began := time.Now()
	result := porcupine.CheckOperationsTimeout(register, history, time.Duration(limit)*time.Second)
	took := time.Since(began).Seconds()
	words := map[porcupine.CheckResult]string{porcupine.Ok: "valid", porcupine.Illegal: "invalid", porcupine.Unknown: "unknown"}
	fmt.Printf("{\"verdict\": %q, \"seconds\": %.4f}\n", words[result], took)
}
