import Foundation
import GRPC
import ProtobufC
import Testing

/// Messages with bytes changed, cut, doubled and spliced: each is refused with a typed error or is a message, whose
/// own bytes then stand. `BELAY_MUTATION_ROUNDS` sets how many are tried.
@Suite struct MutationTests {
  private func check<Message: WireMessage>(
    _ type: Message.Type, _ bytes: [UInt8], seed: UInt64, _ accepted: inout Int
  ) {
    do {
      let message = try Message(wireBytes: bytes)
      accepted += 1
      let own = try message.wireBytes()
      // Bytes, not values: NaN is not equal to itself.
      let again = try Message(wireBytes: own).wireBytes()
      #expect(again == own, "seed \(seed): \(bytes.hex)")
    } catch {
      #expect(error is ProtobufError, "seed \(seed): \(bytes.hex): \(error)")
    }
  }

  private func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(4) {
      guard !bytes.isEmpty else { return random.bytes() }
      let position = random.below(bytes.count)
      switch random.below(7) {
      case 0: bytes[position] ^= 1 << UInt8(random.below(8))
      case 1: bytes[position] = UInt8(truncatingIfNeeded: random.next())
      case 2: bytes.remove(at: position)
      case 3: bytes.insert(contentsOf: random.bytes(), at: position)
      case 4: bytes.removeSubrange(position...)
      case 5: bytes += bytes[position...]
      default:
        bytes.replaceSubrange(position..<position, with: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
      }
    }
    return bytes
  }

  @Test("No change of bytes gets past the decoder as anything but a message")
  func mutations() throws {
    var accepted = 0
    let asked = ProcessInfo.processInfo.environment["BELAY_MUTATION_ROUNDS"].flatMap(UInt64.init)
    let rounds = asked ?? 4_000
    for seed in 0..<rounds {
      var random = SeededRandom(seed: seed)
      let scalars = try ShapesV1.Scalars(from: &random).wireBytes()
      let repeated = try ShapesV1.Repeated(from: &random).wireBytes()
      let maps = try ShapesV1.Maps(from: &random).wireBytes()
      let choice = try ShapesV1.Choice(from: &random).wireBytes()
      let tree = try ShapesV1.Tree(from: &random).wireBytes()
      check(ShapesV1.Scalars.self, mutated(scalars, &random), seed: seed, &accepted)
      check(ShapesV1.Repeated.self, mutated(repeated, &random), seed: seed, &accepted)
      check(ShapesV1.Maps.self, mutated(maps, &random), seed: seed, &accepted)
      check(ShapesV1.Choice.self, mutated(choice, &random), seed: seed, &accepted)
      check(ShapesV1.Tree.self, mutated(tree, &random), seed: seed, &accepted)
      // As another type: fields of the right number and the wrong kind.
      check(ShapesV1.Tree.self, choice + tree, seed: seed, &accepted)
      check(ShapesV1.Choice.self, choice + choice, seed: seed, &accepted)
    }
    // Neither side of the law may be empty.
    #expect(accepted > Int(rounds) / 10)
    #expect(accepted < Int(rounds) * 7)
  }
}
