import BackupModel
import Testing

@testable import Simulation

@Test("The queue gives by time, and at equal times by order of arrival")
func queueOrder() {
  var random = Random(seed: 1, purpose: 0)
  var queue = EventQueue<Int>()
  var times: [Int] = []
  for index in 0..<500 {
    times.append(random.int(0...40))
    queue.put(index, at: Timestamp(nanosecondsSinceEpoch: Int64(times[index])))
  }
  var taken: [Int] = []
  while let (_, index) = queue.take() { taken.append(index) }
  #expect(taken == Array(times.indices).sorted { (times[$0], $0) < (times[$1], $1) })
}

@Test("The generator gives the sequence of xoshiro256** after SplitMix64")
func generator() {
  // The first words of the published algorithm for the state that SplitMix64 draws from seed 0.
  var random = Random(seed: 0, purpose: 0)
  let words = [random.next(), random.next()]
  #expect(words == [0x99EC_5F36_CB75_F2B4, 0xBF6E_1F78_4956_452A])
  var counts = [Int](repeating: 0, count: 10)
  for _ in 0..<10_000 { counts[random.int(0...9)] += 1 }
  #expect(counts.allSatisfy { (850...1_150).contains($0) })
}

@Test("A fenced attempt can neither publish nor stage again")
func fence() {
  let attempt = AttemptID(
    task: TaskID(session: SessionID(rawValue: "s"), ordinal: 1), number: 1)
  let name = ModelRepository.Name.point(RestorePointID(task: attempt.task))
  var repository = ModelRepository()
  let isOpen = repository.open(attempt)
  let digest = repository.seal(attempt)
  repository.discard(attempt)
  let publication = repository.publish(attempt, as: name)
  let isOpenAgain = repository.open(attempt)
  #expect(isOpen && digest != nil)
  #expect(publication == .refused)
  #expect(!isOpenAgain)
  #expect(repository.results.isEmpty)
}
