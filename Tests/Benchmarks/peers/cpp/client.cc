// rpc-bench-client's peer by grpc++ with the callback API.
// usage: client PORT CALLS WARM-UP CONCURRENCY REQUEST-SIZE RESPONSE-SIZE MESSAGES
// MESSAGES is 0 for unary calls. Prints the same line of JSON.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/v1/echo_service.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using bench::v1::EchoService;

struct Load {
  EchoService::Stub* stub;
  std::string payload;
  uint32_t response_size;
  uint32_t messages;
};

void Fail(const std::string& why) {
  std::cerr << "client: " << why << "\n";
  std::_Exit(1);
}

// The callers of one run: each makes its next call when its last one is done.
class Run {
 public:
  Run(const Load& load, int total, int concurrency) : load_(load), left_(total) {
    durations_.resize(total);
    running_ = std::min(total, concurrency);
  }

  std::vector<double> Durations() {
    int callers = running_;
    for (int caller = 0; caller < callers; caller++) Next();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    return std::move(durations_);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    bench::v1::EchoRequest request;
    bench::v1::EchoResponse response;
    Clock::time_point start;
  };

  class Stream final : public grpc::ClientReadReactor<bench::v1::EchoResponse> {
   public:
    explicit Stream(Run* run) : run_(run), start_(Clock::now()) {
      context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      request_.set_count(run->load_.messages);
      request_.set_response_size(run->load_.response_size);
      run->load_.stub->async()->Stream(&context_, &request_, this);
      StartRead(&response_);
      StartCall();
    }
    void OnReadDone(bool ok) override {
      if (!ok) return;
      if (response_.payload().size() != run_->load_.response_size) Fail("wrong size");
      count_ += 1;
      StartRead(&response_);
    }
    void OnDone(const grpc::Status& status) override {
      if (!status.ok()) Fail(status.error_message());
      if (count_ != run_->load_.messages) Fail("wrong number of messages");
      Run* run = run_;
      Clock::time_point start = start_;
      delete this;
      run->Done(start);
    }

   private:
    Run* run_;
    grpc::ClientContext context_;
    bench::v1::StreamRequest request_;
    bench::v1::EchoResponse response_;
    uint32_t count_ = 0;
    Clock::time_point start_;
  };

  void Next() {
    if (left_.fetch_sub(1) <= 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      running_ -= 1;
      done_.notify_all();
      return;
    }
    if (load_.messages > 0) {
      new Stream(this);
      return;
    }
    auto* call = new Call;
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call->request.set_payload(load_.payload);
    call->request.set_response_size(load_.response_size);
    call->start = Clock::now();
    load_.stub->async()->Echo(&call->context, &call->request, &call->response,
                              [this, call](grpc::Status status) {
                                if (!status.ok()) Fail(status.error_message());
                                if (call->response.payload().size() != load_.response_size)
                                  Fail("wrong size");
                                Clock::time_point start = call->start;
                                delete call;
                                Done(start);
                              });
  }

  void Done(Clock::time_point start) {
    std::chrono::duration<double, std::micro> duration = Clock::now() - start;
    durations_[finished_.fetch_add(1)] = duration.count();
    Next();
  }

  const Load& load_;
  std::atomic<int> left_;
  std::atomic<int> finished_{0};
  std::vector<double> durations_;
  std::mutex mutex_;
  std::condition_variable done_;
  int running_;
};

double ProcessorMicroseconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::cerr << "usage: client PORT CALLS WARM-UP CONCURRENCY REQUEST-SIZE RESPONSE-SIZE MESSAGES\n";
    return 2;
  }
  int calls = std::atoi(argv[2]), warm_up = std::atoi(argv[3]), concurrency = std::atoi(argv[4]);
  auto channel = grpc::CreateChannel(std::string("127.0.0.1:") + argv[1],
                                     grpc::InsecureChannelCredentials());
  auto stub = EchoService::NewStub(channel);
  Load load{stub.get(), std::string(std::atoi(argv[5]), '\0'),
            static_cast<uint32_t>(std::atoi(argv[6])), static_cast<uint32_t>(std::atoi(argv[7]))};
  Run(load, warm_up, concurrency).Durations();
  double before = ProcessorMicroseconds();
  auto start = Clock::now();
  auto durations = Run(load, calls, concurrency).Durations();
  std::chrono::duration<double> elapsed = Clock::now() - start;
  double used = ProcessorMicroseconds() - before;
  std::sort(durations.begin(), durations.end());
  std::printf(
      "{\"calls\": %d, \"messages\": %lld, \"seconds\": %f, \"cpu_us_per_call\": %f, "
      "\"p50_us\": %f, \"p99_us\": %f}\n",
      calls, 1LL * calls * std::max(1u, load.messages), elapsed.count(), used / calls,
      durations[durations.size() / 2], durations[durations.size() * 99 / 100]);
}
