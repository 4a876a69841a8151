internal import BackupModel
import Synchronization

extension StoredDisk {
  /// Writes the whole disk to `sink`, on threads of its own; zero runs are passed over.
  ///
  /// Damage does not end it: what is whole is written, and what is not is returned. Throws `target` with the sink's
  /// error as cause, `canceled`, `storage`. `onProgress` is called from several threads with the bytes dealt with
  /// (holes included) and written since its last call.
  package func restore(
    to sink: some DiskSink, cancellation: Cancellation = Cancellation(),
    onProgress: @Sendable (_ processed: UInt64, _ written: UInt64) -> Void = { _, _ in }
  ) throws(RepositoryError) -> [Damage] {
    try forEachRegion(cancellation) { region, bytes throws(RepositoryError) in
      let start = Format.regionRange(region.number, ofSize: self.size).lowerBound
      var written: UInt64 = 0
      for run in region.runs {
        do {
          try sink.write(bytes.extracting(run), at: start + UInt64(run.lowerBound))
        } catch {
          throw RepositoryError(.target, "disk \(self.id) cannot be restored", cause: error)
        }
        written += UInt64(run.count)
      }
      onProgress(UInt64(region.length), written)
    }
  }

  /// Reads the whole disk, and returns what cannot be read.
  func damages(_ cancellation: Cancellation) throws(RepositoryError) -> [Damage] {
    try forEachRegion(cancellation) { _, _ in }
  }

  /// A region that was read.
  struct Region {
    let number: Int
    let length: Int
    /// The whole data in it, as ranges of its bytes.
    var runs: [Range<Int>] = []
    /// What could not be read, and why.
    var damages: [(range: Range<Int>, reason: String)] = []
  }

  /// Reads all regions on several threads and hands each with its bytes to `body`.
  private func forEachRegion(
    _ cancellation: Cancellation,
    _ body: @Sendable (Region, RawSpan) throws(RepositoryError) -> Void
  ) throws(RepositoryError) -> [Damage] {
    let next = Atomic<Int>(0)
    let failure = FirstFailure()
    let damages = Mutex<[Damage]>([])
    inParallel(min(threads, max(1, regionCount))) { _ in
      let reader = BlobReader(self.blobs)
      var buffer = [UInt8](repeating: 0, count: Format.regionBytes)
      while !failure.isSet {
        let number = next.add(1, ordering: .relaxed).oldValue
        guard number < self.regionCount else { return }
        do throws(RepositoryError) {
          let region = try self.read(region: number, reader, &buffer, cancellation)
          try body(region, buffer.span.bytes)
          let found = region.damages.map { self.damage(number, $0.range, $0.reason) }
          if !found.isEmpty { damages.withLock { $0 += found } }
        } catch {
          failure.record(error)
        }
      }
    }
    try failure.rethrow()
    return damages.withLock { joined($0) }
  }

  /// Reads what is whole of a region into the buffer.
  private func read(
    region number: Int, _ reader: BlobReader, _ buffer: inout [UInt8],
    _ cancellation: Cancellation
  ) throws(RepositoryError) -> Region {
    var region = Region(number: number, length: Format.regionRange(number, ofSize: size).count)
    try cancellation.check()
    let chunks: [ChunkReference]
    do throws(RepositoryError) {
      chunks = try page(ofRegion: number, reader)?.chunks ?? []
    } catch {
      guard error.code == .damaged else { throw error }
      region.damages = [(0..<region.length, error.message)]
      return region
    }
    var start = 0
    for chunk in chunks {
      let range = start..<start + chunk.length
      start = range.upperBound
      guard !chunk.id.isZero else { continue }
      try cancellation.check()
      do throws(RepositoryError) {
        try buffer.edit(range) { target throws(RepositoryError) in
          try reader.read(chunk.id, into: &target)
        }
      } catch {
        guard error.code == .damaged else { throw error }
        region.damages.append((range, error.message))
        continue
      }
      if let last = region.runs.last, last.upperBound == range.lowerBound {
        region.runs[region.runs.count - 1] = last.lowerBound..<range.upperBound
      } else {
        region.runs.append(range)
      }
    }
    return region
  }

  func damage(_ region: Int, _ range: Range<Int>, _ reason: String) -> Damage {
    let start = Format.regionRange(region, ofSize: size).lowerBound
    let bytes = start + UInt64(range.lowerBound)..<start + UInt64(range.upperBound)
    return Damage(.disk(id, of: virtualMachine, in: restorePoint, range: bytes), reason)
  }

  /// In order, with neighbours of one reason made one.
  func joined(_ damages: [Damage]) -> [Damage] {
    func range(_ damage: Damage) -> Range<UInt64> {
      if case .disk(_, _, _, let range) = damage.place { range } else { 0..<0 }
    }
    var result: [Damage] = []
    for damage in damages.sorted(by: { range($0).lowerBound < range($1).lowerBound }) {
      if let last = result.last, last.reason == damage.reason,
        range(last).upperBound == range(damage).lowerBound
      {
        let whole = range(last).lowerBound..<range(damage).upperBound
        result[result.count - 1] = Damage(
          .disk(id, of: virtualMachine, in: restorePoint, range: whole), last.reason)
      } else {
        result.append(damage)
      }
    }
    return result
  }
}
