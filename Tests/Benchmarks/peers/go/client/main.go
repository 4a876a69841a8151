// rpc-bench-client's peer by grpc-go.
// usage: client PORT CALLS WARM-UP CONCURRENCY REQUEST-SIZE RESPONSE-SIZE MESSAGES
// MESSAGES is 0 for unary calls. Prints the same line of JSON.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	bench "bench/v1"

	"google.golang.org/grpc"
)

type load struct {
	client       bench.EchoServiceClient
	payload      []byte
	responseSize int
	messages     int
}

func (l load) call() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if l.messages == 0 {
		response, err := l.client.Echo(
			ctx, &bench.EchoRequest{Payload: l.payload, ResponseSize: uint32(l.responseSize)})
		if err != nil {
			log.Fatal(err)
		}
		l.check(response)
		return
	}
	responses, err := l.client.Stream(
		ctx, &bench.StreamRequest{Count: uint32(l.messages), ResponseSize: uint32(l.responseSize)})
	if err != nil {
		log.Fatal(err)
	}
	received := 0
	for {
		response, err := responses.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		l.check(response)
		received++
	}
	if received != l.messages {
		log.Fatal("wrong number of messages: ", received)
	}
}

func (l load) check(response *bench.EchoResponse) {
	if len(response.Payload) != l.responseSize {
		log.Fatal("wrong size: ", len(response.Payload))
	}
}

// run makes total calls, at most concurrency at once, and returns how long each took.
func (l load) run(total, concurrency int) []time.Duration {
	durations := make([]time.Duration, total)
	var callers sync.WaitGroup
	for caller := 0; caller < concurrency; caller++ {
		share := durations[total*caller/concurrency : total*(caller+1)/concurrency]
		callers.Add(1)
		go func() {
			defer callers.Done()
			for index := range share {
				start := time.Now()
				l.call()
				share[index] = time.Since(start)
			}
		}()
	}
	callers.Wait()
	return durations
}

func processorMicroseconds() float64 {
	const processCPUTime = 2 // CLOCK_PROCESS_CPUTIME_ID
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	return float64(now.Nano()) / 1e3
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func main() {
	if len(os.Args) != 8 {
		log.Fatal("usage: client PORT CALLS WARM-UP CONCURRENCY REQUEST-SIZE RESPONSE-SIZE MESSAGES")
	}
	var numbers [8]int
	for index := 2; index < 8; index++ {
		number, err := strconv.Atoi(os.Args[index])
		if err != nil {
			log.Fatal(err)
		}
		numbers[index] = number
	}
	calls, warmUp, concurrency := numbers[2], numbers[3], numbers[4]
	connection, err := grpc.Dial("127.0.0.1:"+os.Args[1], grpc.WithInsecure(), grpc.WithBlock())
	if err != nil {
		log.Fatal(err)
	}
	l := load{
		client: bench.NewEchoServiceClient(connection), payload: make([]byte, numbers[5]),
		responseSize: numbers[6], messages: numbers[7]}
	l.run(warmUp, concurrency)
	before, start := processorMicroseconds(), time.Now()
	durations := l.run(calls, concurrency)
	elapsed, used := time.Since(start), processorMicroseconds()-before
	sort.Slice(durations, func(a, b int) bool { return durations[a] < durations[b] })
	messages := calls
	if l.messages > 0 {
		messages *= l.messages
	}
	fmt.Printf(
		"{\"calls\": %d, \"messages\": %d, \"seconds\": %f, \"cpu_us_per_call\": %f, "+
			"\"p50_us\": %f, \"p99_us\": %f}\n",
		calls, messages, elapsed.Seconds(), used/float64(calls),
		microseconds(durations[calls/2]), microseconds(durations[calls*99/100]))
}
